//! A Prometheus as the queues see it: one question, one list of values.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use prometheus_http_query::Client;
use tokio::sync::Mutex;

use super::api;
use crate::config::PrometheusSource;
use crate::feed::SourceContext;
use crate::feed::http::HttpServer;
use crate::feed::queue::Prom;
use crate::model::Problem;

/// Asks one Prometheus on behalf of a set of queues.
pub struct Asker {
    server: Mutex<HttpServer>,
}

impl Asker {
    /// `None`: the source has an Alertmanager only.
    pub fn new(source: &PrometheusSource, context: &SourceContext) -> Option<Arc<Self>> {
        let server = HttpServer::new(source.endpoint()?, context);
        Some(Arc::new(Self {
            server: Mutex::new(server),
        }))
    }

    async fn ask(&self, query: &str) -> Result<Vec<f64>, Problem> {
        let mut server = self.server.lock().await;
        let http = server.client().await?;
        let client = Client::from(http, server.url()).map_err(|e| Problem::Failed(e.to_string().as_str().into()))?;
        match api::instant(&client, query).await {
            Ok(said) => Ok(said.value.into_iter().map(|s| s.value).collect()),
            Err(trouble) => {
                if matches!(trouble, api::Trouble::Refused(_)) {
                    server.refused();
                }
                Err(trouble.problem())
            }
        }
    }
}

impl Prom for Asker {
    fn samples<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Vec<f64>, Problem>> {
        Box::pin(self.ask(query))
    }
}
