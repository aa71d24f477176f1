//! Facts of the run's certificate: what cert-manager says, what is stored and what is served.

use super::{About, Fact, Maker, Row, Subject, known, maybe, seconds};
use crate::model::{Certificate, CertificateRow, Certificates, Endpoint, Mismatch, SourceKind, Str};
use crate::runbook::value::Value;
use jiff::Timestamp;

const UNMANAGED: &str = "cert-manager does not keep it";
const UNSERVED: &str = "no endpoint is known that serves it";

impl Maker<'_> {
    pub(super) fn certificate(&mut self, subject: &Subject) {
        let world = self.world;
        let Some(About::Certificate { source, .. } | About::Endpoint { source, .. }) = &subject.about else {
            self.all("cert.", &Fact::Absent("the run is about no certificate".to_owned()));
            return;
        };
        let found = world.sources.certificates.get_key_value(source);
        let Some((source, all)) = found else {
            self.all("cert.", &Fact::Absent("no certificates are looked at".to_owned()));
            return;
        };
        // A row holds only what is fresh: when a view is not, its facts may not be taken for absent.
        let rows = all.rows();
        let row = rows.iter().find(|row| match &subject.about {
            Some(About::Certificate { namespace, name, .. }) => {
                row.namespace() == &**namespace && row.name() == &**name
            }
            Some(About::Endpoint { address, .. }) => row.served.iter().any(|e| e.address == *address),
            _ => false,
        });
        let views = [
            self.unread(SourceKind::Certificates, source, &all.managed),
            self.unread(SourceKind::Certificates, source, &all.stored),
            self.unread(SourceKind::Certificates, source, &all.served),
        ];
        let [managed, stored, served] = views;
        let Some(row) = row else {
            let gone = Fact::Absent("there is no such certificate now".to_owned());
            let why = [&managed, &stored, &served]
                .into_iter()
                .flatten()
                .find(|f| !matches!(f, Fact::Absent(_)));
            self.all("cert.", why.unwrap_or(&gone));
            return;
        };
        let address = match &subject.about {
            Some(About::Endpoint { address, .. }) => Some(address),
            _ => None,
        };
        // Secrets are often not readable: then what is stored is simply not told.
        let blocked = managed.clone().filter(|_| row.managed.is_none() && stored.is_some());
        self.certificate_whole(row, blocked.as_ref());
        self.certificate_managed(row.managed, managed.as_ref());
        self.certificate_served((source, all), row, address, served.as_ref());
    }

    fn certificate_whole(&mut self, row: &CertificateRow<'_>, blocked: Option<&Fact>) {
        let left = row.left(self.now).map(|long| long.as_secs());
        let target = row
            .managed
            .map(|c| format!("certificate/{}/{}", c.id.namespace, c.id.name));
        let secret = row.managed.map(|c| format!("{}/{}", c.id.namespace, c.secret));
        let secret = secret.or_else(|| row.stored.map(|s| format!("{}/{}", s.namespace, s.name)));
        let names = row.chain().map(|c| c.leaf.names.clone());
        let names = names
            .or_else(|| row.managed.map(|c| c.dns_names.clone()))
            .unwrap_or_default();
        let names = names.iter().map(|name| Value::text(&**name)).collect();
        let end = row.not_after().map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
        let ends = "its end is not known";
        let rows: Vec<Row> = vec![
            ("cert.target", maybe(target), UNMANAGED),
            ("cert.name", known(row.name()), ""),
            ("cert.namespace", known(row.namespace()), ""),
            ("cert.state", known(row.state(self.now)), ""),
            ("cert.managed", known(row.managed.is_some()), ""),
            ("cert.secret", maybe(secret), "no Secret is known"),
            ("cert.left", maybe(left), ends),
            ("cert.days_left", maybe(left.map(|s| s.div_euclid(86_400))), ends),
            ("cert.expired", maybe(left.map(|s| s < 0)), ends),
            ("cert.not_after", maybe(end), ends),
            ("cert.names", known(Value::List(names)), ""),
        ];
        self.many(blocked, rows);
    }

    fn certificate_managed(&mut self, managed: Option<&Certificate>, blocked: Option<&Fact>) {
        let now = self.now;
        let text = |pick: fn(&Certificate) -> &Str| maybe(managed.map(pick).filter(|t| !t.is_empty()).map(|t| &**t));
        let ago = |at: Option<Timestamp>| maybe(at.map(|at| seconds(now, at)));
        let issuing = managed.and_then(|c| c.issuing.as_ref());
        let step = managed.and_then(|c| {
            let open = c
                .steps
                .iter()
                .find(|s| !matches!(&*s.state, "ready" | "Ready" | "valid" | ""))?;
            Some(format!("{} {}: {} {}", open.kind, open.name, open.state, open.says))
        });
        let revision = managed.map(|c| i64::try_from(c.revision).unwrap_or(i64::MAX));
        let next = managed
            .and_then(Certificate::next_try)
            .map(|at| at.duration_since(now).as_secs().max(0));
        let shares = managed.map(|c| !c.shares_secret_with.is_empty());
        let attempts = managed.map(|c| i64::from(c.failed_attempts));
        let rows: Vec<Row> = vec![
            ("cert.issuer", text(|c| &c.issuer), UNMANAGED),
            ("cert.ready", maybe(managed.map(|c| &*c.ready == "True")), UNMANAGED),
            ("cert.message", text(|c| &c.message), "cert-manager says nothing"),
            ("cert.overdue", maybe(managed.map(|c| c.is_overdue(now))), UNMANAGED),
            (
                "cert.overdue_for",
                ago(managed.filter(|c| c.is_overdue(now)).and_then(|c| c.renewal)),
                "it is not overdue",
            ),
            ("cert.issuing", maybe(managed.map(|c| c.issuing.is_some())), UNMANAGED),
            (
                "cert.issuing_for",
                ago(issuing.and_then(|i| i.since)),
                "it is not being issued",
            ),
            ("cert.failed_attempts", maybe(attempts), UNMANAGED),
            ("cert.next_try", maybe(next), "no attempt has failed"),
            ("cert.step", maybe(step), "no request, order or challenge is open"),
            ("cert.revision", maybe(revision), UNMANAGED),
            ("cert.shares_secret", maybe(shares), UNMANAGED),
        ];
        self.many(blocked, rows);
    }

    fn certificate_served(
        &mut self,
        (source, all): (&Str, &Certificates),
        row: &CertificateRow<'_>,
        address: Option<&Str>,
        blocked: Option<&Fact>,
    ) {
        let named = || row.served.iter().copied().find(|e| Some(&e.address) == address);
        let worst = || row.worst_mismatch().map(|(_, e)| e);
        let endpoint: Option<&Endpoint> = named().or_else(worst).or_else(|| row.served.first().copied());
        let unseen = endpoint.and_then(|e| self.unread(SourceKind::Certificates, source, &e.chain));
        let blocked = blocked.cloned().or(unseen);
        let chain = endpoint.and_then(|e| e.chain.fresh());
        let mismatch = endpoint.and_then(|e| row.mismatch(e));
        let words = mismatch.map_or("none", |m| match m {
            Mismatch::Placeholder => "the controller's placeholder",
            Mismatch::Older => "an older certificate",
            Mismatch::Other => "another certificate",
        });
        // Without anything stored or managed there is nothing to compare with.
        let comparable = chain.is_some() && (row.managed.is_some() || row.stored.is_some());
        let left = chain.map(|c| c.not_after().duration_since(self.now).as_secs().div_euclid(86_400));
        let rows: Vec<Row> = vec![
            ("cert.endpoint", maybe(endpoint.map(|e| &*e.address)), UNSERVED),
            ("cert.served_from", maybe(endpoint.map(|e| &*e.from)), UNSERVED),
            (
                "cert.served_as_stored",
                maybe(comparable.then_some(mismatch.is_none())),
                UNSERVED,
            ),
            ("cert.mismatch", known(comparable && mismatch.is_some()), ""),
            ("cert.served_instead", maybe(chain.map(|_| words)), UNSERVED),
            ("cert.served_days_left", maybe(left), UNSERVED),
            ("cert.trust", maybe(endpoint.map(|e| e.trust.words())), UNSERVED),
        ];
        self.many(blocked.as_ref(), rows);
        let gaps = all.gaps.iter().map(|gap| Value::text(gap.words())).collect();
        self.many(None, vec![("cert.gaps", known(Value::List(gaps)), "")]);
    }
}
