//! What the lab promises about the repository around it. One binary; one file a subject.

mod papers;
