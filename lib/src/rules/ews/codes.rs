//! The response codes of Exchange Web Services that say why an integration does not work.

use crate::rules::Severity;

/// What a response code is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Throttling and overload.
    Throttled,
    /// The mailbox is on its way, or its store is down.
    Moved,
    /// The subscription is lost, or known to another server only.
    Subscription,
    /// The callback address is refused.
    Callback,
    /// The account lacks rights, or is none.
    Rights,
    /// One Client Access server cannot pass a call to another.
    Proxying,
    /// Directory trouble, and what says nothing.
    Internal,
}

impl Class {
    /// The class of a code; none for those that are part of normal work.
    pub(super) fn of(code: &str) -> Option<Self> {
        Some(match code {
            "ErrorServerBusy"
            | "ErrorExceededConnectionCount"
            | "ErrorExceededSubscriptionCount"
            | "ErrorExceededFindCountLimit"
            | "ErrorInsufficientResources"
            | "ErrorNotEnoughMemory"
            | "ErrorTimeoutExpired"
            | "ErrorTooManyObjectsOpened" => Class::Throttled,
            "ErrorMailboxMoveInProgress"
            | "ErrorMailboxFailover"
            | "ErrorMailboxStoreUnavailable"
            | "ErrorWrongServerVersion"
            | "ErrorCrossSiteRequest"
            | "ErrorConnectionFailed" => Class::Moved,
            "ErrorSubscriptionNotFound"
            | "ErrorExpiredSubscription"
            | "ErrorInvalidSubscription"
            | "ErrorInvalidWatermark"
            | "ErrorMissedNotificationEvents"
            | "ErrorReadEventsFailed"
            | "ErrorProxiedSubscriptionCallFailure"
            | "ErrorSubscriptionUnsubsribed"
            | "ErrorSubscriptionUnsubscribed"
            | "ErrorSubscriptionAccessDenied" => Class::Subscription,
            "ErrorInvalidPushSubscriptionUrl" => Class::Callback,
            "ErrorImpersonateUserDenied"
            | "ErrorImpersonationDenied"
            | "ErrorImpersonationFailed"
            | "ErrorAccessDenied"
            | "ErrorNonExistentMailbox"
            | "ErrorAccountDisabled"
            | "ErrorPasswordExpired"
            | "ErrorPasswordChangeRequired"
            | "ErrorCallerIsInvalidADAccount" => Class::Rights,
            "ErrorNoRespondingCASInDestinationSite"
            | "ErrorProxyRequestNotAllowed"
            | "ErrorProxyRequestProcessingFailed"
            | "ErrorProxyServiceDiscoveryFailed"
            | "ErrorServiceDiscoveryFailed" => Class::Proxying,
            code if code.starts_with("ErrorNoDestinationCASDueTo") => Class::Proxying,
            "ErrorADUnavailable"
            | "ErrorADOperation"
            | "ErrorInternalServerError"
            | "ErrorInternalServerTransientError" => Class::Internal,
            _ => return None,
        })
    }

    /// How much it hurts: what lasts until somebody acts is an error, what passes a warning.
    pub(super) const fn severity(self) -> Severity {
        match self {
            Class::Throttled | Class::Callback | Class::Rights | Class::Proxying => Severity::Error,
            Class::Moved | Class::Subscription | Class::Internal => Severity::Warning,
        }
    }

    /// What it means, in a sentence.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Class::Throttled => "Exchange throttles the account, or is overloaded.",
            Class::Moved => "The mailbox is being moved, or its store is not available.",
            Class::Subscription => "The subscription is lost, or another server holds it.",
            Class::Callback => "Exchange refuses the callback address of the subscription.",
            Class::Rights => "The account lacks rights, is locked out of EWS, or has no mailbox.",
            Class::Proxying => "The Client Access server cannot pass the call to the server of the mailbox.",
            Class::Internal => "Exchange cannot reach its directory, or does not say what is wrong.",
        }
    }

    /// What to do about it.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Class::Throttled => {
                "Give the service account a throttling policy of its own: `New-ThrottlingPolicy UMPolicy \
                 -EWSMaxConcurrency Unlimited -EWSMaxSubscriptions Unlimited` (`$null` before Exchange 2013), then \
                 `Set-Mailbox <account> -ThrottlingPolicy UMPolicy`. From Exchange 2010 SP2 RU4 on the subscriptions \
                 count against the mailbox that is watched, before against the service account."
            }
            Class::Moved => "See ews-mailbox-moved.",
            Class::Subscription => {
                "Make the load balancer keep all EWS calls of one client on one server, and reset the user's Unified \
                 Messaging account so that it subscribes anew."
            }
            Class::Callback => {
                "Check the host name of the Cisco server in the subscription's URL: it must be a http or https address \
                 that Exchange can resolve."
            }
            Class::Rights => {
                "Give the account the role: `New-ManagementRoleAssignment -Role ApplicationImpersonation -User \
                 <account>`. Check that it is enabled, its password valid, and that the mailbox exists."
            }
            Class::Proxying => {
                "Check the internal EWS addresses and authentication between the sites: `Get-WebServicesVirtualDirectory \
                 | fl Identity,InternalUrl,*Authentication*`."
            }
            Class::Internal => {
                "Look for the failure in the Application log of the Exchange server at the same time; check its domain \
                 controllers."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_normal_work_have_no_class() {
        for code in ["NoError", "ErrorItemNotFound", "ErrorFolderNotFound", ""] {
            assert_eq!(Class::of(code), None);
        }
        assert_eq!(Class::of("ErrorNoDestinationCASDueToSSLRequirements"), Some(Class::Proxying));
        assert_eq!(Class::of("ErrorServerBusy"), Some(Class::Throttled));
    }
}
