//! The check of the box's permissions in the object store: small requests about one test object, which is removed afterwards.
//!
//! With it, the service reports a wrong key at its start, and not hours later when the first recording is closed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde::Serialize;

use super::context::{Context, End};
use super::remote::{About, Answer, Fault, Payload, Request};
use crate::config::{OnBlock, Target};
use crate::model::ReviewStatus;

const WORDS: &[u8] = b"edgereel wrote this to check its permission, and removes it again.\n";

/// A difference of the clocks, in seconds, from which on the check reports it. Requests are signed for the store's time in any
/// case.
const SKEW: i64 = 60;

/// The result of a check of the box's permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncCheck {
    /// The store.
    pub store: String,
    /// Recordings can be delivered. Steps that failed all the same are worth a look.
    pub ok: bool,
    /// The steps, in their order; a step that needs a failed step was not tried.
    pub steps: Vec<CheckStep>,
}

/// Something that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CheckStep {
    /// `put`, `read`, `begin_upload`, `list_parts`, `list_uploads`, `abort_upload`, `tag`, `delete`, `clock`, `space`.
    pub step: &'static str,
    /// It was done as it should be.
    pub ok: bool,
    /// Nothing can be delivered without it.
    pub needed: bool,
    /// The permission that a key needs for the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<&'static str>,
    /// The result, or why the step failed and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A step of the check, before it runs.
struct Step {
    name: &'static str,
    permission: &'static str,
    needed: bool,
    /// The work that fails without this permission.
    without: &'static str,
}

const PUT: Step = Step {
    name: "put",
    permission: "s3:PutObject",
    needed: true,
    without: "nothing can be delivered",
};
const READ: Step = Step {
    name: "read",
    permission: "s3:GetObject",
    needed: true,
    without: "deliveries cannot be verified",
};
const BEGIN: Step = Step {
    name: "begin_upload",
    permission: "s3:PutObject",
    needed: true,
    without: "files over 5 MiB cannot be delivered",
};
const PARTS: Step = Step {
    name: "list_parts",
    permission: "s3:ListMultipartUploadParts",
    needed: false,
    without: "an upload that lost a part while the box was off begins again at its end",
};
const UPLOADS: Step = Step {
    name: "list_uploads",
    permission: "s3:ListBucketMultipartUploads",
    needed: false,
    without: "an upload whose id was lost in a power cut is left over; let a rule of the bucket abort incomplete uploads",
};
const ABORT: Step = Step {
    name: "abort_upload",
    permission: "s3:AbortMultipartUpload",
    needed: false,
    without: "abandoned uploads are left over; let a rule of the bucket abort them",
};
const DELETE: Step = Step {
    name: "delete",
    permission: "s3:DeleteObject",
    needed: false,
    without: "recordings are not removed there: not by storage_time, and not by 'recording delete --remote true'",
};

const TAG: Step = Step {
    name: "tag",
    permission: "s3:PutObjectTagging",
    needed: false,
    without: "files of blocked recordings get no tag; sync.on_block = \"delete\" removes them instead",
};

struct Check<'a> {
    cx: &'a Arc<Context>,
    key: String,
    steps: Vec<CheckStep>,
}

impl SyncCheck {
    /// The reason why nothing can be delivered, if there is one.
    pub(super) fn failure(&self) -> Option<String> {
        let failed = self.steps.iter().find(|step| step.needed && !step.ok)?;
        Some(failed.message.clone().unwrap_or_default())
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let failed = self.steps.iter().filter(|step| !step.ok);
        failed.filter_map(|step| step.message.clone()).collect()
    }
}

/// The key of the check's own object.
pub(super) fn key(cx: &Context) -> String {
    let target = &cx.delivery.target;
    target.full_key(&format!("edgereel-check/{}", cx.device))
}

/// Tries every request that deliveries need.
pub(super) async fn check(cx: Arc<Context>) -> SyncCheck {
    let mut check = Check {
        cx: &cx,
        key: key(&cx),
        steps: Vec::new(),
    };
    check.all().await;
    let steps = check.steps;
    SyncCheck {
        store: cx.delivery.target.url(),
        ok: steps.iter().all(|step| step.ok || !step.needed),
        steps,
    }
}

impl Check<'_> {
    async fn all(&mut self) {
        let (key, about) = (self.key.clone(), about());
        let body = Payload::of(Bytes::from_static(WORDS));
        let put = self.step(PUT, Request::Put { key, body, about }).await;
        if put.is_none() {
            return;
        }
        self.read().await;
        self.upload().await;
        self.tag().await;
        let key = self.key.clone();
        self.step(DELETE, Request::Remove { key }).await;
        self.clock();
        self.space().await;
    }

    async fn read(&mut self) {
        let request = Request::Read {
            key: self.key.clone(),
            offset: 0,
            len: WORDS.len() as u64,
        };
        match self.step(READ, request).await {
            Some(Answer::Bytes(bytes)) if bytes != WORDS => {
                let said = format!(
                    "{}: the object that was read differs from the one that was written; is that the object store?",
                    self.key
                );
                self.failed(READ, said);
            }
            _ => (),
        }
    }

    /// Begins an upload, lists it and gives it up.
    async fn upload(&mut self) {
        let (key, about) = (self.key.clone(), about());
        let begun = self.step(BEGIN, Request::Create { key, about }).await;
        let Some(Answer::Created { upload }) = begun else {
            return;
        };
        let key = self.key.clone();
        let parts = Request::Parts {
            key,
            upload: upload.clone(),
        };
        self.step(PARTS, parts).await;
        if matches!(self.cx.delivery.target, Target::S3(_)) {
            let key = self.key.clone();
            self.step(UPLOADS, Request::Uploads { key }).await;
        }
        let key = self.key.clone();
        self.step(ABORT, Request::Abort { key, upload }).await;
    }

    /// Tags the object where tags are needed, and looks whether it is still itself.
    async fn tag(&mut self) {
        if self.cx.delivery.on_block != OnBlock::Tag {
            return;
        }
        let key = self.key.clone();
        let tags = vec![("edgereel-review".to_owned(), ReviewStatus::Pass.to_string())];
        if self.step(TAG, Request::Tag { key, tags }).await.is_none() {
            return;
        }
        let key = self.key.clone();
        if let Ok(Answer::Head(Some(seen))) = self.ask(Request::Head { key }).await
            && seen.bytes != WORDS.len() as u64
        {
            self.cx.takes_no_tags.store(true, Ordering::Relaxed);
            let key = &self.key;
            let said = format!(
                "{key}: the store put the tag in place of the object; without tags {}",
                TAG.without
            );
            self.failed(TAG, said);
        }
    }

    fn clock(&mut self) {
        let Some(skew) = self.cx.remote.clock_offset() else {
            return;
        };
        let said = if skew.abs() > SKEW {
            format!(
                "this box's clock is {skew} s off that of the store; requests are signed for the store's time, and what is \
             recorded has the box's: see to its time servers"
            )
        } else {
            "the clocks agree".to_owned()
        };
        self.steps.push(CheckStep {
            step: "clock",
            ok: skew.abs() <= SKEW,
            message: Some(said),
            ..CheckStep::default()
        });
    }

    async fn space(&mut self) {
        if let Ok(Answer::Space(bytes)) = self.ask(Request::Space).await {
            let enough = bytes >= 1 << 30;
            let mib = bytes >> 20;
            let said = if enough {
                format!("{mib} MiB are free")
            } else {
                format!("only {mib} MiB are free: make room, or recordings will wait here")
            };
            self.steps.push(CheckStep {
                step: "space",
                ok: enough,
                message: Some(said),
                ..CheckStep::default()
            });
        }
    }

    /// Sends a request of the check. Its bytes are no part of a recording, and are not counted.
    async fn ask(&self, request: Request) -> Result<Answer, End> {
        self.cx.remote.perform(request).await.map_err(End::Fault)
    }

    /// Takes a step; `None` if it failed. The failure is noted in the check's steps.
    async fn step(&mut self, step: Step, request: Request) -> Option<Answer> {
        match self.ask(request).await {
            Ok(answer) => {
                let permission = self.permission(&step);
                self.steps.push(CheckStep {
                    step: step.name,
                    ok: true,
                    needed: step.needed,
                    permission,
                    message: None,
                });
                Some(answer)
            }
            Err(End::Fault(fault)) => {
                let said = self.sentence(&step, &fault);
                self.failed(step, said);
                None
            }
            Err(other) => {
                self.failed(step, format!("{other:?}"));
                None
            }
        }
    }

    fn failed(&mut self, step: Step, message: String) {
        self.steps.retain(|known| known.step != step.name);
        let permission = self.permission(&step);
        self.steps.push(CheckStep {
            step: step.name,
            ok: false,
            needed: step.needed,
            permission,
            message: Some(message),
        });
    }

    fn permission(&self, step: &Step) -> Option<&'static str> {
        matches!(self.cx.delivery.target, Target::S3(_)).then_some(step.permission)
    }

    /// The problem and its remedy, as a sentence.
    fn sentence(&self, step: &Step, fault: &Fault) -> String {
        let remedy = self.remedy(step, fault);
        if step.needed {
            format!("{fault}: {remedy}")
        } else {
            format!("{fault}: {remedy}; without it {}", step.without)
        }
    }

    fn remedy(&self, step: &Step, fault: &Fault) -> String {
        let Target::S3(target) = &self.cx.delivery.target else {
            return match fault {
                Fault::Offline(_) => "mount the disk, or correct sync.url".to_owned(),
                Fault::Busy(_) => "make room there, or look at the disk".to_owned(),
                _ => "let the service's user write in the folder of sync.url".to_owned(),
            };
        };
        let said = fault.to_string();
        let has = |code: &str| said.contains(code);
        match fault {
            Fault::Offline(_) => {
                "look at sync.endpoint, at the network, and at sync.ca_file where the certificate is one of your own".to_owned()
            }
            Fault::Intercepted(_) => "log in there, or correct sync.endpoint or sync.proxy".to_owned(),
            Fault::Busy(_) => "the store is busy: it is tried again".to_owned(),
            _ if has("NoSuchBucket") || has("InvalidBucketName") => {
                format!("make the bucket '{}', or correct sync.url", target.bucket)
            }
            _ if has("the bucket is in the region") || has("PermanentRedirect") => {
                "correct sync.region and sync.endpoint".to_owned()
            }
            _ if has("InvalidAccessKeyId") || has("SignatureDoesNotMatch") => {
                "correct the access key and its secret, and see that nothing on the way changes addresses".to_owned()
            }
            _ if has("ExpiredToken") || has("InvalidToken") || has("TokenRefresh") => "renew the key".to_owned(),
            Fault::Unusable(_) => "look at the key, at sync.region and at the bucket".to_owned(),
            Fault::Refused(_) => {
                let on = match step.name {
                    "list_uploads" => format!("the bucket '{}'", target.bucket),
                    _ => format!("'{}/{}'", target.bucket, self.cx.delivery.target.full_key("*")),
                };
                format!("give the key the permission {} for {on}", step.permission)
            }
            Fault::Unsupported(_) | Fault::UploadGone | Fault::Damaged(_) => {
                "the service does not answer as S3 does".to_owned()
            }
        }
    }
}

fn about() -> About {
    About {
        mime: "text/plain",
        cache: None,
        recording: String::new(),
        first: false,
    }
}
