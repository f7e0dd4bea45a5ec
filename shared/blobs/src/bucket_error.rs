//! Why something can't be had from a bucket of somebody else's, in words that name no key: what the store and its client say
//! may hold one.

/// Why an object or a list can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// The object is not there, or not any more.
    #[error("the object is not there")]
    Missing,
    /// The object is there in another state.
    #[error("the object was written over")]
    Changed,
    /// No request can name it.
    #[error(
        "its key begins or ends with '/', or has '//', '.', '..' or a control character between slashes: it can't be asked for; \
         copy it to another key"
    )]
    Unaddressable,
    /// The store does not let us.
    #[error(
        "the bucket refuses these credentials (status {status}); allow s3:GetObject and s3:ListBucket, and s3:PutObject where results are \
         written"
    )]
    Refused {
        /// 401 or 403.
        status: u16,
    },
    /// The store answers by an error.
    #[error("the object store answers with status {status}")]
    Failed {
        /// Its HTTP status.
        status: u16,
    },
    /// The store does not answer, or breaks off.
    #[error("the object store does not answer")]
    Away,
}

impl BucketError {
    pub(crate) fn of(error: object_store::Error) -> Self {
        use object_store::Error;
        let status = status_in(&error);
        match error {
            Error::NotFound { .. } => Self::Missing,
            Error::Precondition { .. } | Error::NotModified { .. } => Self::Changed,
            Error::InvalidPath { .. } => Self::Unaddressable,
            Error::PermissionDenied { .. } => Self::Refused { status: status.unwrap_or(403) },
            Error::Unauthenticated { .. } => Self::Refused { status: status.unwrap_or(401) },
            // Of a version that marks a deletion.
            _ if status == Some(405) => Self::Missing,
            _ => status.map_or(Self::Away, |status| Self::Failed { status }),
        }
    }
}

/// The HTTP status that an error tells of, which no other way leads to.
fn status_in(error: &object_store::Error) -> Option<u16> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        let told = text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        if told.is_some() {
            return told;
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_by_their_status_and_name_no_key() {
        let generic = |text: &str| object_store::Error::Generic { store: "S3", source: text.into() };
        let failed =
            BucketError::of(generic("GET /in/Doe^Jane: status code: 503 Service Unavailable: Doe^Jane"));
        assert_eq!(failed, BucketError::Failed { status: 503 });
        assert_eq!(BucketError::of(generic("status code: 405 Method Not Allowed")), BucketError::Missing);
        assert_eq!(BucketError::of(generic("error sending request for /in/Doe^Jane")), BucketError::Away);
        let path = "in/Doe^Jane".to_owned();
        let denied = object_store::Error::PermissionDenied { path, source: "denied".into() };
        let denied = BucketError::of(denied);
        assert!(
            matches!(denied, BucketError::Refused { status: 403 }) && !denied.to_string().contains("Doe")
        );
    }
}
