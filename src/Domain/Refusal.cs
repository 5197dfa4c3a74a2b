namespace ChatCqrs.Domain;

/// <summary>
/// The reason of a refusal: a stable code that clients may rely on. Mapped in one place to HTTP statuses, in one to
/// socket frames.
/// </summary>
/// <param name="Kind">The class of refusal, which decides the HTTP status.</param>
/// <param name="Code">Stable, in snake case.</param>
/// <param name="Detail">A sentence for developers; not stable.</param>
public sealed record Refusal(RefusalKind Kind, string Code, string Detail)
{
    public static readonly Refusal ConversationUnknown =
        new(RefusalKind.Unknown, "conversation_unknown", "There is no such conversation.");
    public static readonly Refusal NotLoggedYet = new(
        RefusalKind.Unknown, "not_logged_yet", "The signed log does not have this yet. Try again in a minute.");
    public static readonly Refusal MessageUnknown =
        new(RefusalKind.Unknown, "message_unknown", "There is no such message.");
    public static readonly Refusal UserUnknown = new(RefusalKind.Unknown, "user_unknown", "There is no such user.");
    public static readonly Refusal DeviceUnknown =
        new(RefusalKind.Unknown, "device_unknown", "There is no such device.");
    public static readonly Refusal RegistrationUnknown =
        new(RefusalKind.Unknown, "registration_unknown", "There is no such registration.");

    public static readonly Refusal LinkUnknown =
        new(RefusalKind.Unknown, "link_unknown", "There is no such device link.");

    public static readonly Refusal FileUnknown = new(RefusalKind.Unknown, "file_unknown", "There is no such file.");
    public static readonly Refusal FileNotToSend = new(
        RefusalKind.Invalid, "file_unknown",
        "The message names a file that does not exist, or that the sender neither uploaded nor was sent.");
    public static readonly Refusal LinkInvalid = new(
        RefusalKind.Forbidden, "link_invalid", "The link was not made here, or has ended. Ask for a new one.");
    public static readonly Refusal UploadUnknown =
        new(RefusalKind.Unknown, "upload_unknown", "There is no such upload.");

    public static readonly Refusal SubscriptionUnknown =
        new(RefusalKind.Unknown, "subscription_unknown", "There is no such push subscription.");
    public static readonly Refusal WebPushUnavailable =
        new(RefusalKind.Unknown, "webpush_unavailable", "This server has no key for Web Push.");

    public static readonly Refusal TooLarge =
        new(RefusalKind.TooLarge, "too_large", "What is to be stored for this at once is larger than the log takes.");
    public static readonly Refusal FileTooLarge =
        new(RefusalKind.TooLarge, "file_too_large", "The file is larger than a file may be here.");
    public static readonly Refusal UploadLengthExceeded =
        new(RefusalKind.TooLarge, "upload_length_exceeded", "The upload has more bytes than were announced.");
    public static readonly Refusal MediaQuotaExceeded = new(
        RefusalKind.TooLarge, "media_quota_exceeded",
        "The caller's files would be more, or larger, than a user's may be. Unsent ones are deleted after a while.");
    public static readonly Refusal EmptyFile = new(RefusalKind.Invalid, "empty_file", "The file has no bytes.");
    public static readonly Refusal UploadFinal =
        new(RefusalKind.Forbidden, "upload_final", "An upload that was put together of others takes no bytes.");
    public static readonly Refusal UploadUnfinished =
        new(RefusalKind.Conflict, "upload_unfinished", "Only complete partial uploads can be put together.");
    public static readonly Refusal FileTypeMismatch =
        new(RefusalKind.Unsupported, "file_type_mismatch", "The file's bytes are not of the kind that file_type says.");
    public static readonly Refusal UploadOffsetMismatch =
        new(
            RefusalKind.Conflict, "upload_offset_mismatch",
            "The upload has not arrived up to this offset, or beyond it. HEAD tells where to go on.");
    public static readonly Refusal UploadLocked =
        new(
            RefusalKind.Locked, "upload_locked",
            "Another request is writing to this upload. Ask with HEAD, then go on.");
    public static readonly Refusal UploadExpired =
        new(RefusalKind.Gone, "upload_expired", "The upload took too long. Begin a new one.");
    public static readonly Refusal ChecksumMismatch =
        new(
            RefusalKind.Corrupted, "checksum_mismatch",
            "The bytes do not have the checksum that was sent with them. Nothing of them was kept.");
    public static readonly Refusal TooManyUploads =
        new(RefusalKind.TooMany, "too_many_uploads", "Too many uploads are unfinished. Finish some, or delete them.");

    public static readonly Refusal SenderMismatch =
        new(RefusalKind.Forbidden, "sender_mismatch", "sender_id must be the caller.");
    public static readonly Refusal NotTheCaller =
        new(RefusalKind.Forbidden, "not_the_caller", "user_id must be the caller.");

    public static readonly Refusal Blocked =
        new(RefusalKind.Forbidden, "blocked", "The receiver, or somebody to be added, has blocked you.");

    public static readonly Refusal NotTheSender =
        new(RefusalKind.Forbidden, "not_the_sender", "Only the message's sender may do this.");
    public static readonly Refusal NotTheSenderOrAdmin =
        new(
            RefusalKind.Forbidden, "not_the_sender_or_admin",
            "Only the message's sender, or an admin of the group, may do this.");
    public static readonly Refusal EditTooLate =
        new(RefusalKind.Forbidden, "edit_too_late", "A message may be edited for 15 minutes after it was sent.");
    public static readonly Refusal EditMismatch = new(
        RefusalKind.Invalid, "edit_mismatch",
        "An encrypted message is edited with a ciphertext, any other one with a text.");
    public static readonly Refusal MessageGone =
        new(RefusalKind.Conflict, "message_deleted", "The message was deleted for everyone.");
    public static readonly Refusal MessageBusy =
        new(RefusalKind.Unavailable, "message_busy", "Too much happens in this conversation at once. Try again.");

    public static readonly Refusal NotAPoll =
        new(RefusalKind.Invalid, "not_a_poll", "The message is no poll whose options the server knows.");

    public static readonly Refusal NotAGroup = new(RefusalKind.Invalid, "not_a_group", "This is for groups only.");
    public static readonly Refusal NotAnAdmin =
        new(RefusalKind.Forbidden, "not_an_admin", "Only an admin of the group may do this.");
    public static readonly Refusal MemberUnknown =
        new(RefusalKind.Unknown, "member_unknown", "There is no such member.");
    public static readonly Refusal GroupFull =
        new(RefusalKind.Conflict, "group_full", "The group would have more members than a group may have.");
    public static readonly Refusal LastAdmin =
        new(RefusalKind.Conflict, "last_admin", "A group needs an admin. Name another one first.");

    public static readonly Refusal LinkSettled =
        new(RefusalKind.Conflict, "link_settled", "The device link was approved or refused before, or has expired.");

    public static readonly Refusal ExportUnknown =
        new(RefusalKind.Unknown, "export_unknown", "There is no such export, or its time is over.");
    public static readonly Refusal ExportUnfinished =
        new(RefusalKind.Conflict, "export_unfinished", "The export is not done.");
    public static readonly Refusal TooManyExports =
        new(RefusalKind.TooMany, "too_many_exports", "Too many of your exports are not done. Wait for them.");

    public static readonly Refusal NewOriginNeeded = new(
        RefusalKind.Conflict, "new_origin_needed",
        "More was published than the database has, and there is no mirror to import it from. Set a new Audit:Origin "
        + "and Audit:KeyFile on all nodes, and restart them.");
    public static readonly Refusal NewKeyNeeded = new(
        RefusalKind.Conflict, "new_key_needed", "A new Audit:Origin needs a new key in Audit:KeyFile.");
    public static readonly Refusal MirrorIncomplete = new(
        RefusalKind.Conflict, "mirror_incomplete",
        "Audit:Mirror has less than was published, or something else than was signed.");
    public static readonly Refusal MirrorInUse = new(
        RefusalKind.Conflict, "mirror_in_use",
        "Audit:Mirror holds the log that ended. Set an empty one for the new log.");
    public static readonly Refusal LogForked = new(
        RefusalKind.Conflict, "log_forked",
        "The database has other entries than were published. Set a new Audit:Origin and Audit:KeyFile.");

    public static readonly Refusal InvalidCursor =
        new(RefusalKind.Invalid, "invalid_cursor", "The cursor is none that this list has given.");

    public static readonly Refusal MessageIdReused =
        new(RefusalKind.Conflict, "message_id_reused", "This message_id was used for another message.");

    public static readonly Refusal ConversationIdReused =
        new(RefusalKind.Conflict, "conversation_id_reused", "This conversation_id was used for another conversation.");

    public static readonly Refusal TooManyBlocks =
        new(RefusalKind.Conflict, "too_many_blocks", "So many users are blocked already that no more can be.");

    public static readonly Refusal SeqBeyondEnd =
        new(RefusalKind.Invalid, "seq_beyond_end", "The conversation has no entry with this seq yet.");
    public static readonly Refusal BeforeFirstEntry =
        new(RefusalKind.Unknown, "before_first_entry", "The conversation had no entry at that time.");
    public static readonly Refusal VerificationRunning = new(
        RefusalKind.TooMany, "verification_running",
        "You are verifying a conversation already, or too many others are. Try again when it has ended.");
    public static readonly Refusal DirectWithOneself =
        new(RefusalKind.Invalid, "direct_with_oneself", "A direct conversation needs another user.");
    public static readonly Refusal DirectWithSeveral =
        new(RefusalKind.Invalid, "direct_with_several", "A direct conversation has exactly one other user.");
    public static readonly Refusal BlockOneself =
        new(RefusalKind.Invalid, "block_oneself", "Nobody can block themselves.");
    public static readonly Refusal BadAvatar = new(
        RefusalKind.Invalid, "bad_avatar", "The avatar must be null, or the file_id of an image that you uploaded.");
    public static readonly Refusal CountryNotServed =
        new(RefusalKind.Invalid, "country_not_served", "This server sends no codes to phones of this country.");
    public static readonly Refusal WrongCode = new(RefusalKind.Invalid, "wrong_code", "The code is wrong.");

    public static readonly Refusal MatterUnknown =
        new(RefusalKind.Unknown, "matter_unknown", "There is no such matter.");
    public static readonly Refusal MatterScope = new(
        RefusalKind.Forbidden, "matter_scope", "The matter does not cover this conversation.");
    public static readonly Refusal MatterPending =
        new(RefusalKind.Forbidden, "matter_pending", "Nobody has approved the matter.");
    public static readonly Refusal MatterEnded =
        new(RefusalKind.Forbidden, "matter_ended", "The matter was refused, or its time is over.");

    public static readonly Refusal HoldUnknown =
        new(RefusalKind.Unknown, "hold_unknown", "There is no such hold.");
    public static readonly Refusal SelfApproval = new(
        RefusalKind.Forbidden, "self_approval", "Somebody else than who asked must approve or refuse this.");
    public static readonly Refusal AlreadySettled =
        new(RefusalKind.Conflict, "already_settled", "This was approved, refused or released before.");

    public static readonly Refusal Unauthenticated =
        new(
            RefusalKind.Unauthenticated, "unauthenticated",
            "This needs an access token: Authorization: Bearer <token>.");
    public static readonly Refusal TokenInvalid =
        new(RefusalKind.Unauthenticated, "token_invalid", "The access token is not one of ours.");
    public static readonly Refusal TokenExpired =
        new(RefusalKind.Unauthenticated, "token_expired", "The access token has expired. Refresh it.");
    public static readonly Refusal DeviceSignedOut =
        new(RefusalKind.Unauthenticated, "device_signed_out", "This device was removed or signed out. Register again.");
    public static readonly Refusal LinkSecretWrong =
        new(
            RefusalKind.Unauthenticated, "link_secret_wrong",
            "This needs the secret of the device link: Authorization: Link <secret>.");
    public static readonly Refusal RefreshTokenInvalid =
        new(
            RefusalKind.Unauthenticated, "refresh_token_invalid",
            "The refresh token is none, has expired or its device was signed out.");
    public static readonly Refusal RefreshTokenReused = new(
        RefusalKind.Unauthenticated, "refresh_token_reused",
        "The refresh token was used before, so somebody else may have it. The device was signed out: register again.");

    public static readonly Refusal RateLimited =
        new(RefusalKind.TooMany, "rate_limited", "Too much at once. Try again later.");
    public static readonly Refusal TooManyWatched =
        new(
            RefusalKind.Conflict, "too_many_watched",
            "This socket watches so many users already that these would be too many.");
    public static readonly Refusal SmsUnavailable =
        new(RefusalKind.Unavailable, "sms_unavailable", "The code cannot be sent now. Try again later.");

    public static readonly Refusal Erased = new(RefusalKind.Gone, "erased", "What this belongs to was erased.");

    public static readonly Refusal RegistrationBurnt =
        new(
            RefusalKind.Gone, "registration_burnt",
            "The registration was used, has expired, had too many wrong codes or was followed by a newer code. "
            + "Register again.");
}

/// <summary>The class of a refusal, which decides the HTTP status.</summary>
public enum RefusalKind
{
    /// <summary>The request can never succeed (400).</summary>
    Invalid,

    /// <summary>The caller is not authenticated (401).</summary>
    Unauthenticated,

    /// <summary>The caller may not do this (403).</summary>
    Forbidden,

    /// <summary>The thing does not exist, or the caller may not know of it (404).</summary>
    Unknown,

    /// <summary>The request contradicts the recorded state (409).</summary>
    Conflict,

    /// <summary>The thing existed and never will again (410).</summary>
    Gone,

    /// <summary>The content is too large (413).</summary>
    TooLarge,

    /// <summary>The content's type is not accepted (415).</summary>
    Unsupported,

    /// <summary>The protocol version is not supported (412).</summary>
    Outdated,

    /// <summary>Another request is changing the thing now (423).</summary>
    Locked,

    /// <summary>The content was damaged in transit (460, of the tus protocol).</summary>
    Corrupted,

    /// <summary>The caller exceeds a rate limit (429).</summary>
    TooMany,

    /// <summary>The server cannot do it now; a retry later may succeed (503).</summary>
    Unavailable,
}

/// <summary>An expected refusal of a command or query. Nothing was recorded.</summary>
public sealed class RefusedException(Refusal refusal, TimeSpan? retryAfter = null) : Exception(refusal.Detail)
{
    public Refusal Refusal { get; } = refusal;

    /// <summary>How long to wait before a retry; null if unknown.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
