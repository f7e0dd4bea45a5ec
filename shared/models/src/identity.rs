//! What a reading says about the model that made it. Two readings with the same key came from the same numbers.

pub use hilum_events::untrained::IN_MODEL_FILES as UNTRAINED_NOTICE;
use serde::{Deserialize, Serialize};

/// Name, version and content of a model together with the preprocessing it was trained for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// `[a-z0-9._-]`, at most 64 characters.
    pub name: String,
    /// `[a-z0-9._-]`, at most 64 characters.
    pub version: String,
    /// SHA-256 of the weights file, 64 hex digits.
    pub weights_sha256: String,
    /// How pixels become the input, for example `xrv-skimage-224-1`.
    pub preprocessing_id: String,
    /// `densenet121` or `torchscript`.
    pub architecture: String,
    /// False for random weights.
    pub trained: bool,
}

impl ModelIdentity {
    /// The stable string from which the ids of readings are derived.
    pub fn reading_key(&self) -> ReadingKey {
        let weights = self.weights_sha256.get(..16).unwrap_or(&self.weights_sha256);
        ReadingKey(format!("{}@{}#{weights}+{}", self.name, self.version, self.preprocessing_id))
    }

    /// [`UNTRAINED_NOTICE`] for a model with random weights.
    pub fn notice(&self) -> Option<&'static str> {
        (!self.trained).then_some(UNTRAINED_NOTICE)
    }
}

/// `name@version#first 16 hex digits of the weights' SHA-256+preprocessing id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReadingKey(String);

impl ReadingKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ReadingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<&ModelIdentity> for hilum_events::ModelIdentity {
    type Error = hilum_events::NameError;

    /// The form in which events name a model.
    fn try_from(model: &ModelIdentity) -> Result<Self, Self::Error> {
        Ok(Self {
            name: model.name.clone(),
            version: model.version.clone(),
            weights_sha256: model.weights_sha256.parse()?,
            preprocessing_id: model.preprocessing_id.clone(),
            trained: model.trained,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(trained: bool) -> ModelIdentity {
        ModelIdentity {
            name: "chest".into(),
            version: "2".into(),
            weights_sha256: "0123456789abcdef".repeat(4),
            preprocessing_id: "xrv-skimage-224-1".into(),
            architecture: "densenet121".into(),
            trained,
        }
    }

    #[test]
    fn the_reading_key_names_model_weights_and_preprocessing() {
        assert_eq!(identity(true).reading_key().as_str(), "chest@2#0123456789abcdef+xrv-skimage-224-1");
    }

    #[test]
    fn only_an_untrained_model_carries_the_notice() {
        assert_eq!(identity(true).notice(), None);
        assert_eq!(identity(false).notice(), Some(UNTRAINED_NOTICE));
    }
}
