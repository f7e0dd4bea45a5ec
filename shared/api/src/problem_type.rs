//! All types of problems, in one table: `docs/problems.md` and the responses of `/openapi.json` are made of it. Knows no HTTP.

macro_rules! problem_types {
    ($($name:ident $slug:literal [$($status:literal),+] $title:literal: $happened:literal, $to_do:literal;)*) => {
        /// What kind of problem it is. Its URI never changes; what it stands for is in `docs/problems.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ProblemType {
            $(#[doc = $happened] $name,)*
        }

        impl ProblemType {
            /// Every type, in the order of the page.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        slug: $slug,
                        statuses: &[$($status),+],
                        title: $title,
                        happened: $happened,
                        to_do: $to_do,
                    },)*
                }
            }
        }
    };
}

/// A row of the table.
struct Entry {
    slug: &'static str,
    /// The usual one first.
    statuses: &'static [u16],
    title: &'static str,
    happened: &'static str,
    to_do: &'static str,
}

problem_types! {
    Malformed "malformed" [400] "Bad Request":
        "The request is not as the API describes it: a name breaks its rule, a field is missing or unknown, the body is broken.",
        "Send it as the detail says; the same request is refused again.";
    BadRequest "bad-request" [400, 413, 415, 422] "bad request":
        "A parameter or the JSON body of a question or decision is not as the API describes it. 413: the body is too long; 415: it is not `application/json`; 422: it is JSON, and not of the form that is expected.",
        "Send it as the detail says; the same request is refused again.";
    BadDecision "bad-decision" [422] "the decision is not complete":
        "A decision lacks the operator's name or the reason, or one of them is too long or not one line.",
        "Send both, in one line each, and never a patient's name or number.";
    BrokenOff "broken-off" [400] "Bad Request":
        "The request broke off before its end, so nothing was done.",
        "Send it again.";
    Stalled "stalled" [408] "Request Timeout":
        "No byte of the body came for a while, so the request was ended and nothing was done.",
        "Send it again; where the network is slow, have the operator allow a longer silence.";
    NotFound "not-found" [404] "not found":
        "There is no such page, job, study, revision, part or dead letter.",
        "Check the id or the name, and the site if a name was given.";
    MethodNotAllowed "method-not-allowed" [405] "method not allowed":
        "The page is not called by this method.",
        "Look the call up in `/openapi.json`.";
    NotAcceptable "not-acceptable" [406] "not acceptable":
        "The report or object does not come in any form that the Accept header names.",
        "Ask for one of the forms in the detail; that of a report can be named with `?format=`.";
    Withheld "withheld" [403] "not handed out":
        "DICOMweb is asked for what names patients, and the operator lets out less.",
        "Ask for what the detail says, or have the operator let out more.";
    TakenOut "taken-out" [410] "taken out":
        "The object was held, and an operator took it out of its study.",
        "Forget it; it may be of another patient.";
    TooBroad "too-broad" [413] "too much is asked for":
        "More objects would have to be looked through or told of than one request may.",
        "Narrow the question as the detail says.";
    Lost "lost" [410] "the log has lost this job":
        "The job was taken in, and the event log has lost what it knew of it; an operator accepted that.",
        "Send the image again.";
    TooLarge "too-large" [413] "Payload Too Large":
        "The image is longer than the site takes.",
        "Send a smaller one, or have the operator raise the limit.";
    UnsupportedType "unsupported-type" [415] "Unsupported Media Type":
        "The file is neither PNG, JPEG nor DICOM, or the request is no `multipart/form-data`.",
        "Send one of these in a field named `image`.";
    UnsupportedEncoding "unsupported-encoding" [415] "Unsupported Media Type":
        "The body or a part of it is compressed or otherwise encoded.",
        "Send the bytes as they are, without Content-Encoding and Content-Transfer-Encoding.";
    UnreadableImage "unreadable-image" [422] "Unprocessable Entity":
        "The DICOM object can't be read or has no picture.",
        "Send another one; this one is refused again.";
    AmbiguousStudy "ambiguous-study" [409] "several studies have this name":
        "Several sites have a study of this name.",
        "Add `?site=`, or name the study by its id.";
    StudyFull "study-full" [409] "Conflict":
        "The study has as many images as one report is about.",
        "Send the image as part of another study, or have the operator allow more.";
    JobUnfinished "job-unfinished" [409] "the job has not ended":
        "The job has no result yet.",
        "Wait for its end: `?wait=30s`.";
    JobFailed "job-failed" [409] "the job failed":
        "The job has no result and will have none as it is; the detail says why.",
        "Do what the detail says, or have an operator retry the job once its cause is mended.";
    JobNotFailed "job-not-failed" [409] "the job did not fail":
        "Only a job that failed can be tried again.",
        "Nothing is to be done.";
    ReportNotIssued "report-not-issued" [409] "the report is not issued yet":
        "The study has no report yet.",
        "Wait for it: `?wait=30s`; or close the study if no more images come.";
    NothingRead "nothing-read" [409] "there is no picture to show":
        "No image of the study was read, so this form of its report has no file.",
        "Ask for `?format=dicom-sr` or `?format=html`, which say why.";
    NoDicomObject "no-dicom-object" [409] "the report has no DICOM object":
        "The images of the study name several patients or none, so its report can't be a DICOM object.",
        "Ask for another form.";
    AlreadyDecided "already-decided" [409] "it was decided before":
        "A decision is made once, and an operator made it before; the detail says who, when and why.",
        "Nothing is to be done; what fails again can be decided about again.";
    NotLost "not-lost" [409] "not lost":
        "The fact at this position can be read, so it can't be given up.",
        "Accept only the loss of what no server can read.";
    TooManyDecisions "too-many-decisions" [429] "too many at once":
        "More decisions came in a second than are taken.",
        "Send the rest a little later.";
    SenderLimit "sender-limit" [429] "too much from one sender":
        "The sender has as many images under way, or sent as many in the last minute, as the operator lets one sender.",
        "Try again after the time in Retry-After.";
    Internal "internal" [500] "internal error":
        "Something is wrong that the sender can't mend, such as a damaged report.",
        "Tell the operator, who finds more in the service's log.";
    Busy "busy" [503] "Service Unavailable":
        "As many uploads are under way as the service takes.",
        "Try again after the time in Retry-After.";
    Full "full" [503] "Service Unavailable":
        "More images wait for a reading than the site keeps waiting.",
        "Try again after the time in Retry-After.";
    LongWait "long-wait" [503] "Service Unavailable":
        "An image would wait longer for its reading than the site lets it.",
        "Try again after the time in Retry-After; send an urgent one with `priority=stat` before the image.";
    TooManySites "too-many-sites" [503] "Service Unavailable":
        "Images of as many other sites wait as may at a time.",
        "Check the name in the field `site`; try again later.";
    DiskFull "disk-full" [503] "Service Unavailable":
        "The disk where images are kept is full, so nothing was accepted.",
        "Have the operator make room; until then it is refused again.";
    Unavailable "unavailable" [503] "temporarily unavailable":
        "Something that Hilum needs is away at the moment, or too much is asked of it at once. Nothing is lost.",
        "Try again after the time in Retry-After; doing so twice does no harm.";
}

impl ProblemType {
    /// The word of the type, such as `not-found`; metrics use it too.
    pub fn slug(self) -> &'static str {
        self.entry().slug
    }

    /// The type as it stands in problems: a relative URI.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// Short, the same for all problems of the type.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// The usual HTTP status.
    pub fn status(self) -> u16 {
        self.statuses().first().copied().unwrap_or(500)
    }

    /// The statuses that it can come with, the usual one first.
    pub(crate) fn statuses(self) -> &'static [u16] {
        self.entry().statuses
    }

    /// What happened, for an example.
    pub(crate) fn happened(self) -> &'static str {
        self.entry().happened
    }

    /// Whether the same request may be taken a little later.
    pub(crate) fn is_for_now(self) -> bool {
        matches!(self.status(), 429 | 503)
    }

    /// The page that explains all types: `docs/problems.md`.
    pub fn page() -> String {
        let mut page = "# Problems\n\nEvery refusal of the API is a problem document (RFC 9457, `application/problem+json`). Its `type` is \
            one of the\nheadings below and never changes; `title` is the same for all of a type; `detail` says what happened \
            this time and what to do;\n`retry_after_s`, also in the header Retry-After, when trying again makes sense. This page is \
            made of the table in\n`shared/api/src/problem_type.rs`.\n"
            .to_owned();
        for kind in Self::ALL {
            let Entry { statuses, title, happened, to_do, .. } = kind.entry();
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            let (uri, statuses) = (kind.uri(), statuses.join(", "));
            page +=
                &format!("\n## {uri}\n\nStatus {statuses}, \"{title}\". {happened}\n\nWhat to do: {to_do}\n");
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_type_has_a_word_of_its_own() {
        let slugs: BTreeSet<_> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemType::ALL.len());
        assert!(slugs.iter().all(|slug| slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }

    #[test]
    fn the_page_about_problems_is_that_of_the_table() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems.md");
        if std::env::var_os(crate::openapi::RENEW).is_some() {
            std::fs::write(file, ProblemType::page()).unwrap();
        }
        let stands = std::fs::read_to_string(file).unwrap_or_default();
        let renew = crate::openapi::RENEW;
        assert!(
            stands == ProblemType::page(),
            "docs/problems.md is stale; renew it: {renew}=1 make test-api"
        );
    }
}
