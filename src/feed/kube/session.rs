//! Who we are for the server, now: a client, its bearer token, and when both must be renewed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use kube::{Client, Config};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use super::exec::{Credential, ExecError, Login, Plugin};

/// A credential is renewed this long before it expires.
const EARLY: SignedDuration = SignedDuration::from_secs(60);
/// A token file is read again this often: the kubelet rotates it.
const TOKEN_FILE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// A failure is remembered this long, so that twelve watches do not run a plugin twelve times.
const FAILURE_LIFE: Duration = Duration::from_secs(10);
/// One that needs a person is not tried again by itself sooner than this.
const PERSON_LIFE: Duration = Duration::from_secs(60);
/// A 401 renews no more often than this.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// Where the credential comes from.
pub(super) enum Source {
    /// In the configuration itself (token, password, certificate) or none at all.
    Fixed,
    TokenFile(PathBuf),
    Plugin(Plugin),
}

pub(super) struct Session {
    base: Config,
    source: Source,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    client: Option<Client>,
    bearer: Option<HeaderValue>,
    expires: Option<Timestamp>,
    number: u64,
    /// When a 401 last made us renew.
    refused: Option<Instant>,
    failure: Option<(Instant, ExecError)>,
}

/// What one request goes out with.
pub(super) struct Lease {
    pub client: Client,
    pub bearer: Option<HeaderValue>,
    pub number: u64,
}

impl Session {
    pub fn new(base: Config, source: Source) -> Self {
        Self {
            base,
            source,
            live: Mutex::default(),
        }
    }

    /// The present client and token; renewed first when they are about to expire.
    pub async fn lease(&self) -> Result<Lease, ExecError> {
        let mut live = self.live.lock().await;
        let late = live
            .expires
            .is_some_and(|at| Timestamp::now().duration_since(at) >= -EARLY);
        if live.client.is_none() || late {
            let outcome = self.refresh(&mut live).await;
            let still_good = live.client.is_some() && live.expires.is_none_or(|at| Timestamp::now() < at);
            // What is valid for some seconds more is better than nothing.
            if !still_good {
                outcome?;
            }
        }
        let Some(client) = live.client.clone() else {
            return Err(ExecError::Client("no credentials yet".to_owned()));
        };
        Ok(Lease {
            client,
            bearer: live.bearer.clone(),
            number: live.number,
        })
    }

    /// After a 401 to a request sent under lease `number`: whether there is now another credential to try.
    pub async fn renew(&self, number: u64) -> Result<bool, ExecError> {
        if matches!(self.source, Source::Fixed) {
            return Ok(false);
        }
        let mut live = self.live.lock().await;
        if live.number != number {
            return Ok(true);
        }
        if live.refused.is_some_and(|at| at.elapsed() < RENEW_EVERY) {
            return Ok(false);
        }
        live.refused = Some(Instant::now());
        self.refresh(&mut live).await?;
        Ok(true)
    }

    /// Takes what a person's sign-in gave.
    pub async fn sign_in(&self, credential: Credential) -> Result<(), ExecError> {
        let mut live = self.live.lock().await;
        self.install(&mut live, credential).await
    }

    /// The login that waits for a person, if one does.
    pub async fn needs_person(&self) -> Option<Login> {
        match &self.live.lock().await.failure {
            Some((_, ExecError::NeedsPerson { login, .. })) => Some(login.clone()),
            _ => None,
        }
    }

    /// Forgets a remembered failure, so that the next request tries at once.
    pub async fn forget_failure(&self) {
        self.live.lock().await.failure = None;
    }

    async fn refresh(&self, live: &mut Live) -> Result<(), ExecError> {
        if let Some((at, error)) = &live.failure {
            let life = if matches!(error, ExecError::NeedsPerson { .. }) {
                PERSON_LIFE
            } else {
                FAILURE_LIFE
            };
            if at.elapsed() < life {
                return Err(error.clone());
            }
        }
        let outcome = match self.credential().await {
            Ok(credential) => self.install(live, credential).await,
            Err(e) => Err(e),
        };
        live.failure = outcome.as_ref().err().map(|e| (Instant::now(), e.clone()));
        outcome
    }

    async fn credential(&self) -> Result<Credential, ExecError> {
        match &self.source {
            Source::Fixed => Ok(Credential {
                token: None,
                certificate: None,
                expires: None,
            }),
            Source::TokenFile(path) => {
                let text = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|e| ExecError::TokenFile {
                        path: path.display().to_string(),
                        why: e.to_string(),
                    })?;
                Ok(Credential {
                    token: Some(text.trim().to_owned().into()),
                    certificate: None,
                    expires: Timestamp::now().checked_add(TOKEN_FILE_LIFE + EARLY).ok(),
                })
            }
            Source::Plugin(plugin) => plugin.credential().await,
        }
    }

    async fn install(&self, live: &mut Live, credential: Credential) -> Result<(), ExecError> {
        let certificate = credential.certificate_base64();
        // Only a new certificate needs new connections; a token is a header.
        if live.client.is_none() || certificate.is_some() {
            let mut config = self.base.clone();
            if let Some((cert, key)) = certificate {
                config.auth_info.client_certificate_data = Some(cert);
                config.auth_info.client_key_data = Some(key);
            }
            // Reading the system's trust store blocks.
            let built = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
            live.client = Some(match built {
                Ok(Ok(client)) => client,
                Ok(Err(e)) => return Err(ExecError::Client(e.to_string())),
                Err(e) => return Err(ExecError::Client(e.to_string())),
            });
        }
        live.bearer = match &credential.token {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                    .map_err(|_| ExecError::Client("the token has characters that no header may have".to_owned()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        live.expires = credential.expires;
        live.number += 1;
        live.failure = None;
        Ok(())
    }
}
