//! What AWS would call a resource: what `Ref` and `GetAtt` give for it.

use serde_json::Value;

use super::Place;

/// The name property of each kind that has one.
fn name_property(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "AWS::S3::Bucket" => "BucketName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::Lambda::Function" => "FunctionName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::IAM::User" => "UserName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::CloudWatch::Dashboard" => "DashboardName",
        "AWS::Scheduler::Schedule" => "Name",
        _ => return None,
    })
}

/// A resource as far as its names go.
pub(super) struct Named<'a> {
    pub(super) place: &'a Place,
    pub(super) logical: &'a str,
    pub(super) kind: &'a str,
    /// As the template gives it, resolved.
    pub(super) own: Option<String>,
}

impl Named<'_> {
    /// The property in which the template may name a resource of this kind.
    pub(super) fn own_name<'p>(kind: &str, properties: &'p Value) -> Option<&'p Value> {
        name_property(kind).and_then(|property| properties.get(property))
    }

    fn name(&self) -> String {
        self.own.clone().unwrap_or_else(|| format!("{}-{}", self.place.stack, self.logical))
    }

    fn arn(&self) -> Option<String> {
        let Place { account, region, .. } = self.place;
        let name = self.name();
        Some(match self.kind {
            "AWS::S3::Bucket" => format!("arn:aws:s3:::{name}"),
            "AWS::SQS::Queue" => format!("arn:aws:sqs:{region}:{account}:{name}"),
            "AWS::Lambda::Function" => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
            "AWS::Logs::LogGroup" => format!("arn:aws:logs:{region}:{account}:log-group:{name}:*"),
            "AWS::IAM::User" => format!("arn:aws:iam::{account}:user/{name}"),
            "AWS::IAM::Role" => format!("arn:aws:iam::{account}:role/{name}"),
            "AWS::SNS::Topic" => format!("arn:aws:sns:{region}:{account}:{name}"),
            _ => return None,
        })
    }

    /// What `Ref` gives.
    pub(super) fn reference(&self) -> String {
        let Place { account, region, .. } = self.place;
        match self.kind {
            "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{}", self.name()),
            "AWS::SNS::Topic" => self.arn().unwrap_or_default(),
            _ => self.name(),
        }
    }

    /// What `GetAtt` gives, if it is known.
    pub(super) fn attribute(&self, attribute: &str) -> Option<String> {
        let name = self.name();
        match (self.kind, attribute) {
            (_, "Arn") => self.arn(),
            ("AWS::SQS::Queue", "QueueName") | ("AWS::CloudFront::OriginAccessControl", "Id") => Some(name),
            ("AWS::S3::Bucket", "RegionalDomainName") => {
                Some(format!("{name}.s3.{}.amazonaws.com", self.place.region))
            }
            ("AWS::CloudFront::Distribution", "DomainName") => {
                Some(format!("{name}.cloudfront.net").to_lowercase())
            }
            _ => None,
        }
    }
}
