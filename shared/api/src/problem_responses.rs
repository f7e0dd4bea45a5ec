//! How the description of a call names the problems that can come of it.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::ToSchema as _;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{Object, Ref, RefOr, Response, ResponseBuilder, Type};

use crate::problem::{MEDIA_TYPE, Problem};
use crate::problem_type::ProblemType;

/// Names the problems that can come of a call, for its description: `problems!(ShowJobProblems: BadRequest, NotFound);`. What
/// can come of any call need not be named.
#[macro_export]
macro_rules! problems {
    ($name:ident: $($kind:ident),* $(,)?) => {
        /// The problems that can come of the call.
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::problem_responses(&[$($crate::ProblemType::$kind),*])
            }
        }
    };
}

/// What can come of any call, also of one that is refused before it is looked at.
const OF_ANY_CALL: [ProblemType; 4] = [
    ProblemType::Malformed,
    ProblemType::UnsupportedEncoding,
    ProblemType::Internal,
    ProblemType::Unavailable,
];

/// How the description of a call tells that these problems can come of it: by status, with an example of each.
pub fn problem_responses(kinds: &[ProblemType]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<ProblemType>> = BTreeMap::new();
    // What else a type can be answered with is about bodies.
    let has_body = kinds.contains(&ProblemType::Stalled);
    for kind in OF_ANY_CALL.iter().chain(kinds) {
        let statuses = kind.statuses();
        for status in if has_body { statuses } else { &statuses[..1] } {
            by_status.entry(*status).or_default().push(*kind);
        }
    }
    by_status
        .into_iter()
        .map(|(status, kinds)| (status.to_string(), response(status, &kinds).into()))
        .collect()
}

fn response(status: u16, kinds: &[ProblemType]) -> Response {
    let told: Vec<String> = kinds.iter().map(|kind| format!("{} ({})", kind.uri(), kind.title())).collect();
    let examples = kinds.iter().map(|kind| {
        let example = ExampleBuilder::new().summary(kind.title()).value(Some(json!(example(*kind, status))));
        (kind.slug(), example.build())
    });
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    let response = ResponseBuilder::new().description(told.join(", ")).content(MEDIA_TYPE, content);
    if kinds.iter().any(|kind| kind.is_for_now()) {
        let header = HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::Integer)))
            .description(Some("seconds after which trying again makes sense"));
        return response.header("Retry-After", header.build()).build();
    }
    response.build()
}

fn example(kind: ProblemType, status: u16) -> Problem {
    let retry_after_s = kind.is_for_now().then_some(2);
    Problem { status, retry_after_s, ..Problem::new(kind, kind.happened()) }
}
