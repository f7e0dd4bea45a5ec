//! The answer to a request for an association (PS3.8, 7.1.1 and 9.3.2 to 9.3.4). Pure.

use std::collections::{BTreeMap, BTreeSet};

use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason,
    AssociationRJServiceProviderPresentationReason, AssociationRJServiceUserReason, AssociationRJSource,
    AssociationRQ, PresentationContextProposed, PresentationContextResult, PresentationContextResultReason,
    UserVariableItem,
};

use crate::callers::Stranger;
use crate::syntaxes::{TRANSFER_SYNTAXES, is_storage};
use crate::uid::{
    APPLICATION_CONTEXT, COMMITMENT, EXPLICIT, IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, IMPLICIT,
    VERIFICATION, is_uid, unpadded,
};

/// Identifiers of contexts are odd bytes, so there can be as many.
const CONTEXTS_MAX: usize = 128;
/// What a peer that names no limit is sent in one piece, bytes.
const PIECE_MAX: u32 = 16 << 10;

/// What a presentation context is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    /// SOP class of its objects, or that of verification or of storage commitment.
    pub(crate) abstract_syntax: String,
    /// How their data sets are written.
    pub(crate) transfer_syntax: String,
}

/// An association as it was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// The contexts that were accepted, by their identifiers.
    pub(crate) contexts: BTreeMap<u8, Context>,
    /// The longest PDU that the peer takes, bytes.
    pub(crate) pdu_max: u32,
    /// What the peer is answered.
    pub(crate) answer: AssociationAC,
}

/// Whether the request is one that is understood here.
pub(crate) fn check(request: &AssociationRQ) -> Result<(), AssociationRJ> {
    if request.protocol_version & 1 == 0 {
        let reason = AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported;
        return Err(for_good(AssociationRJSource::ServiceProviderASCE(reason)));
    }
    if unpadded(&request.application_context_name) != APPLICATION_CONTEXT {
        return Err(for_good(AssociationRJSource::ServiceUser(
            AssociationRJServiceUserReason::ApplicationContextNameNotSupported,
        )));
    }
    Ok(())
}

/// What a stranger is answered. Where it calls from and what it shows is part of who it says it is.
pub(crate) fn turned_away(stranger: Stranger) -> AssociationRJ {
    for_good(AssociationRJSource::ServiceUser(match stranger {
        Stranger::CalledTitle => AssociationRJServiceUserReason::CalledAETitleNotRecognized,
        Stranger::CallingTitle | Stranger::Address | Stranger::Certificate => {
            AssociationRJServiceUserReason::CallingAETitleNotRecognized
        }
    }))
}

/// What somebody is answered who may come again when others have gone.
pub(crate) fn full() -> AssociationRJ {
    let reason = AssociationRJServiceProviderPresentationReason::LocalLimitExceeded;
    AssociationRJ {
        result: AssociationRJResult::Transient,
        source: AssociationRJSource::ServiceProviderPresentation(reason),
    }
}

fn for_good(source: AssociationRJSource) -> AssociationRJ {
    AssociationRJ { result: AssociationRJResult::Permanent, source }
}

/// What is agreed on with a peer that may come in. It may send PDUs of `pdu_max` bytes.
pub(crate) fn agree(request: AssociationRQ, pdu_max: u32) -> Agreement {
    let mut contexts = BTreeMap::new();
    let mut results = Vec::new();
    let mut seen = BTreeSet::new();
    for proposed in request.presentation_contexts.iter().take(CONTEXTS_MAX) {
        if !seen.insert(proposed.id) {
            continue;
        }
        let (reason, transfer_syntax) = match accepted(proposed) {
            Ok(context) => {
                let transfer_syntax = context.transfer_syntax.clone();
                contexts.insert(proposed.id, context);
                (PresentationContextResultReason::Acceptance, transfer_syntax)
            }
            Err(reason) => (reason, IMPLICIT.to_owned()),
        };
        results.push(PresentationContextResult { id: proposed.id, reason, transfer_syntax });
    }
    let peers_max = request.user_variables.iter().find_map(|variable| match variable {
        UserVariableItem::MaxLength(most) => Some(*most),
        _ => None,
    });
    let answer = AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling_ae_title,
        called_ae_title: request.called_ae_title,
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: results,
        user_variables: vec![
            UserVariableItem::MaxLength(pdu_max),
            UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS.to_owned()),
            UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION.to_owned()),
        ],
    };
    let pdu_max = peers_max.filter(|most| *most > 0).unwrap_or(PIECE_MAX).min(PIECE_MAX);
    Agreement { contexts, pdu_max, answer }
}

/// The context with the first transfer syntax of the sender's that is read here: objects are stored as they are sent, and the
/// sender knows best how it has them.
fn accepted(proposed: &PresentationContextProposed) -> Result<Context, PresentationContextResultReason> {
    let abstract_syntax = unpadded(&proposed.abstract_syntax);
    let is_taken = [VERIFICATION, COMMITMENT].contains(&abstract_syntax) || is_storage(abstract_syntax);
    if !is_taken || !is_uid(abstract_syntax) || proposed.id.is_multiple_of(2) {
        return Err(PresentationContextResultReason::AbstractSyntaxNotSupported);
    }
    let mut syntaxes = proposed.transfer_syntaxes.iter().map(|syntax| unpadded(syntax));
    // What is no object is read here, and only in these.
    let read: &[&str] =
        if abstract_syntax == COMMITMENT { &[IMPLICIT, EXPLICIT] } else { &TRANSFER_SYNTAXES };
    let transfer_syntax = syntaxes.find(|syntax| read.contains(syntax));
    let transfer_syntax =
        transfer_syntax.ok_or(PresentationContextResultReason::TransferSyntaxesNotSupported)?;
    Ok(Context { abstract_syntax: abstract_syntax.to_owned(), transfer_syntax: transfer_syntax.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CR: &str = "1.2.840.10008.5.1.4.1.1.1";
    const J2K: &str = "1.2.840.10008.1.2.4.90";
    const MPEG: &str = "1.2.840.10008.1.2.4.102";

    fn request(contexts: &[(u8, &str, &[&str])], most: Option<u32>) -> AssociationRQ {
        let proposed = |(id, abstract_syntax, syntaxes): &(u8, &str, &[&str])| PresentationContextProposed {
            id: *id,
            abstract_syntax: (*abstract_syntax).to_owned(),
            transfer_syntaxes: syntaxes.iter().map(|syntax| (*syntax).to_owned()).collect(),
        };
        AssociationRQ {
            protocol_version: 1,
            calling_ae_title: "CR1".to_owned(),
            called_ae_title: "HILUM".to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: contexts.iter().map(proposed).collect(),
            user_variables: most.map(UserVariableItem::MaxLength).into_iter().collect(),
        }
    }

    #[test]
    fn each_context_gets_the_first_syntax_of_the_sender_that_is_read_here() {
        use PresentationContextResultReason::{
            AbstractSyntaxNotSupported as NoClass, Acceptance as Yes,
            TransferSyntaxesNotSupported as NoSyntax,
        };
        let contexts: [(u8, &str, &[&str]); 9] = [
            (1, VERIFICATION, &[IMPLICIT]),
            (3, CR, &[MPEG, J2K, IMPLICIT]),
            (5, CR, &[MPEG]),
            (7, "1.2.840.10008.5.1.4.1.2.2.1", &[IMPLICIT]),
            (8, CR, &[IMPLICIT]),
            (3, CR, &[IMPLICIT]),
            (9, &format!("{CR}\0"), &["1.2.840.10008.1.2.1\0"]),
            (11, COMMITMENT, &[J2K, EXPLICIT]),
            (13, COMMITMENT, &["1.2.840.10008.1.2.2"]),
        ];
        let agreement = agree(request(&contexts, Some(0)), 4096);
        let reasons: Vec<_> =
            agreement.answer.presentation_contexts.iter().map(|it| (it.id, it.reason.clone())).collect();
        assert_eq!(
            reasons,
            [
                (1, Yes.clone()),
                (3, Yes.clone()),
                (5, NoSyntax.clone()),
                (7, NoClass.clone()),
                (8, NoClass),
                (9, Yes.clone()),
                (11, Yes),
                (13, NoSyntax)
            ]
        );
        assert_eq!(agreement.contexts.keys().copied().collect::<Vec<_>>(), [1, 3, 9, 11]);
        assert_eq!(agreement.contexts[&3].transfer_syntax, J2K);
        assert_eq!(agreement.contexts[&9].abstract_syntax, CR);
        assert_eq!(agreement.pdu_max, PIECE_MAX);
        assert!(agreement.answer.user_variables.contains(&UserVariableItem::MaxLength(4096)));
        assert_eq!(agree(request(&[], Some(700)), 4096).pdu_max, 700);
        assert_eq!(agree(request(&[], None), 4096).pdu_max, PIECE_MAX);
    }

    #[test]
    fn what_is_no_dicom_of_this_time_is_refused_for_good() {
        assert_eq!(check(&request(&[], None)), Ok(()));
        let old = AssociationRQ { protocol_version: 2, ..request(&[], None) };
        assert!(matches!(check(&old).unwrap_err().source, AssociationRJSource::ServiceProviderASCE(_)));
        let other = AssociationRQ { application_context_name: "1.2.3".to_owned(), ..request(&[], None) };
        assert_eq!(check(&other).unwrap_err().result, AssociationRJResult::Permanent);
        assert_eq!(full().result, AssociationRJResult::Transient);
    }
}
