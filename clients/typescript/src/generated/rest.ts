// Generated from the OpenAPI document of a running server by scripts/wire.js. Do not edit.

/** The codes of the errors that calls answer with. */
export type ServerCode =
  | 'already_settled'
  | 'bad_avatar'
  | 'batch_unknown'
  | 'before_first_entry'
  | 'block_oneself'
  | 'blocked'
  | 'checksum_mismatch'
  | 'conversation_id_reused'
  | 'conversation_unknown'
  | 'country_not_served'
  | 'device_signed_out'
  | 'device_unknown'
  | 'direct_with_oneself'
  | 'direct_with_several'
  | 'edit_mismatch'
  | 'edit_too_late'
  | 'empty_file'
  | 'erased'
  | 'export_unfinished'
  | 'export_unknown'
  | 'file_too_large'
  | 'file_type_mismatch'
  | 'file_unknown'
  | 'forbidden'
  | 'group_full'
  | 'hold_unknown'
  | 'internal_error'
  | 'invalid'
  | 'invalid_cursor'
  | 'invalid_position'
  | 'last_admin'
  | 'link_invalid'
  | 'link_secret_wrong'
  | 'link_settled'
  | 'link_unknown'
  | 'log_forked'
  | 'malformed_json'
  | 'malformed_request'
  | 'matter_ended'
  | 'matter_pending'
  | 'matter_scope'
  | 'matter_unknown'
  | 'media_quota_exceeded'
  | 'member_unknown'
  | 'message_busy'
  | 'message_deleted'
  | 'message_id_reused'
  | 'message_unknown'
  | 'mirror_in_use'
  | 'mirror_incomplete'
  | 'new_key_needed'
  | 'new_origin_needed'
  | 'not_a_group'
  | 'not_a_poll'
  | 'not_an_admin'
  | 'not_found'
  | 'not_logged_yet'
  | 'not_the_caller'
  | 'not_the_sender'
  | 'not_the_sender_or_admin'
  | 'origin_refused'
  | 'position_unknown'
  | 'projection_unknown'
  | 'range_unknown'
  | 'rate_limited'
  | 'read_models_behind'
  | 'refresh_token_invalid'
  | 'refresh_token_reused'
  | 'registration_burnt'
  | 'registration_unknown'
  | 'request_timeout'
  | 'self_approval'
  | 'sender_mismatch'
  | 'seq_beyond_end'
  | 'sms_unavailable'
  | 'store_unavailable'
  | 'subscription_unknown'
  | 'tile_unknown'
  | 'token_expired'
  | 'token_invalid'
  | 'too_large'
  | 'too_many_blocks'
  | 'too_many_exports'
  | 'too_many_uploads'
  | 'tus_version_unknown'
  | 'unauthenticated'
  | 'unavailable'
  | 'unsupported_media_type'
  | 'upload_expired'
  | 'upload_final'
  | 'upload_length_exceeded'
  | 'upload_locked'
  | 'upload_offset_mismatch'
  | 'upload_unfinished'
  | 'upload_unknown'
  | 'uri_too_long'
  | 'user_unknown'
  | 'verification_running'
  | 'webpush_unavailable'
  | 'websocket_required'
  | 'wrong_code';

export interface Schemas {
  AddMembersBody: {
    user_ids: string[];
  };
  AuditExportAnswer: {
    status: Schemas["AuditExportStatus"];
    /** Format: int64 */
    done: number;
    /** Format: int64 */
    total: number;
    /** Format: int64 */
    size: null | number;
  };
  /** @enum {string} */
  AuditExportStatus: "queued" | "running" | "done" | "failed";
  AuditedContentView: {
    text: null | string;
    media_object: null | {
      [key: string]: unknown;
    };
    document: null | {
      [key: string]: unknown;
    };
    ciphertext: null | string;
  };
  AuditedEntry: {
    /** Format: int64 */
    seq: number;
    kind: Schemas["AuditedEntryKind"];
    /** Format: date-time */
    at: string;
    /** Format: uuid */
    actor_id: string;
    /** Format: uuid */
    message_id: string;
    type: Schemas["MessageType"];
    /** Format: uuid */
    reply_to: null | string;
    content: Schemas["AuditedContentView"] | null;
    sealed?: null | boolean;
    gone?: Schemas["GoneReason"] | null;
    /** Format: date-time */
    edited_at: null | string;
    /** Format: date-time */
    deleted_at: null | string;
    reactions: {
      [key: string]: string[];
    };
    votes?: null | {
      [key: string]: string[];
    };
  };
  /** @enum {string} */
  AuditedEntryKind: "message";
  AuditedEvent: {
    /** Format: int64 */
    seq: number;
    type: string;
    /** Format: uuid */
    event_id: string;
    /** Format: date-time */
    occurred_at: null | string;
    prev_hash: null | string;
    hash: null | string;
    metadata: null | {
      [key: string]: unknown;
    };
    payload: null | {
      [key: string]: unknown;
    };
    raw: Schemas["RawEvent"];
  };
  AuditedMember: {
    /** Format: uuid */
    user_id: string;
    role: Schemas["MemberRole"];
    /** Format: int64 */
    joined_seq: number;
    /** Format: int64 */
    delivered_seq: null | number;
    /** Format: int64 */
    read_seq: null | number;
  };
  AuditedState: {
    /** Format: uuid */
    conversation_id: string;
    /** Format: int64 */
    as_of_seq: number;
    /** Format: date-time */
    as_of: string;
    recorded_by: Schemas["RecordedBatch"] | null;
    type: Schemas["ConversationType"];
    title: null | string;
    encryption: Schemas["ConversationEncryption"] | null;
    retention: Schemas["RetentionInfo"];
    members: Schemas["AuditedMember"][];
    entries: Schemas["AuditedEntry"][];
    next_cursor: null | string;
  };
  /** @enum {string} */
  AuditedStream: "conversation" | "receipts";
  /** @enum {string} */
  ChainProblem: "hash_mismatch" | "link_broken" | "missing" | "tail_missing" | "head_mismatch";
  ChangeConversationBody: {
    title?: null | string;
    retention?: Schemas["ChangeConversationRetentionPatch"] | null;
  };
  ChangeConversationRetentionPatch: {
    /** Format: int32 */
    days?: null | number;
    /** Format: int32 */
    disappearing_seconds?: null | number;
  };
  ChangeProfileBody: {
    name?: null | string;
    about?: null | string;
    avatar?: null | string;
  };
  ChangeRoleBody: {
    role: Schemas["MemberRole"];
  };
  ChangeSettingsBody: {
    /** Format: date-time */
    muted_until?: null | string;
    pinned?: boolean;
    archived?: boolean;
  };
  ConversationDetails: {
    /** Format: uuid */
    conversation_id: string;
    type: Schemas["ConversationType"];
    title: null | string;
    with: Schemas["ConversationPartner"] | null;
    /** Format: int32 */
    member_count: number;
    encryption: Schemas["ConversationEncryption"] | null;
    /** Format: int64 */
    last_seq: number;
    last_message: Schemas["MessageView"] | null;
    /** Format: int64 */
    unread_count: number;
    /** Format: int64 */
    delivered_seq: number;
    /** Format: int64 */
    read_seq: number;
    /** Format: date-time */
    muted_until: null | string;
    pinned: boolean;
    archived: boolean;
    /** Format: date-time */
    updated_at: string;
    members: Schemas["MemberInfo"][];
    retention: Schemas["RetentionInfo"];
    /** Format: int64 */
    epoch: null | number;
  };
  /** @enum {string} */
  ConversationEncryption: "mls";
  ConversationPartner: {
    /** Format: uuid */
    user_id: string;
    name: null | string;
    avatar: null | string;
  };
  ConversationSummary: {
    /** Format: uuid */
    conversation_id: string;
    type: Schemas["ConversationType"];
    title: null | string;
    with: Schemas["ConversationPartner"] | null;
    /** Format: int32 */
    member_count: number;
    encryption: Schemas["ConversationEncryption"] | null;
    /** Format: int64 */
    last_seq: number;
    last_message: Schemas["MessageView"] | null;
    /** Format: int64 */
    unread_count: number;
    /** Format: int64 */
    delivered_seq: number;
    /** Format: int64 */
    read_seq: number;
    /** Format: date-time */
    muted_until: null | string;
    pinned: boolean;
    archived: boolean;
    /** Format: date-time */
    updated_at: string;
  };
  /** @enum {string} */
  ConversationType: "direct" | "group";
  DeviceAnswer: {
    /** Format: uuid */
    device_id: string;
    name: string;
    platform: string;
    /** Format: date-time */
    created_at: string;
    /** Format: date-time */
    last_seen: string;
    current: boolean;
    ephemeral: boolean;
  };
  DeviceBody: {
    name: string;
    platform: string;
    ephemeral?: null | boolean;
  };
  DeviceLinkAnswer: {
    /** Format: uuid */
    link_id: string;
    secret: string;
    /** Format: date-time */
    expires_at: string;
  };
  DeviceLinkRequestAnswer: {
    device: Schemas["LinkedDeviceAnswer"];
    address: null | string;
    /** Format: date-time */
    requested_at: string;
    public_key: null | string;
  };
  /** @enum {string} */
  DeviceLinkStatus: "pending" | "approved" | "refused" | "expired";
  DeviceLinkStatusAnswer: {
    status: Schemas["DeviceLinkStatus"];
    proof?: null | string;
    payload?: null | string;
    /** Format: uuid */
    user_id?: null | string;
    /** Format: uuid */
    device_id?: null | string;
    access_token?: null | string;
    refresh_token?: null | string;
    /** Format: int64 */
    expires_in?: null | number;
  };
  DevicesAnswer: {
    devices: Schemas["DeviceAnswer"][];
  };
  EditMessageBody: {
    text?: null | string;
    ciphertext?: null | string;
  };
  /** @enum {string} */
  EntryKind: "message" | "conversation_started" | "member_added" | "member_removed" | "member_left" | "role_changed" | "group_renamed" | "retention_changed" | "message_edited" | "message_deleted" | "reaction_set" | "reaction_cleared" | "vote_set" | "vote_cleared" | "messages_expired";
  FindConversationsResult: {
    conversations: Schemas["FoundConversation"][];
    next_cursor: null | string;
  };
  FoundConversation: {
    /** Format: uuid */
    conversation_id: string;
    type: Schemas["ConversationType"];
    encryption: Schemas["ConversationEncryption"] | null;
    /** Format: date-time */
    started_at: string;
    /** Format: date-time */
    last_at: string;
    /** Format: int64 */
    last_seq: number;
    members: string[];
  };
  GetCheckpointsItem: {
    /** Format: int64 */
    size: number;
    root: string;
    /** Format: date-time */
    time: string;
    note: string;
  };
  GetCheckpointsResult: {
    vkey: null | string;
    checkpoints: Schemas["GetCheckpointsItem"][];
    next_cursor: null | string;
  };
  GetInboxResult: {
    conversations: Schemas["ConversationSummary"][];
    next_cursor: null | string;
  };
  GetMembersItem: {
    /** Format: uuid */
    user_id: string;
    name: null | string;
    role: Schemas["MemberRole"];
    /** Format: int64 */
    joined_seq: number;
  };
  GetMembersResult: {
    members: Schemas["GetMembersItem"][];
  };
  GetMessageReceiptsRecipient: {
    /** Format: uuid */
    user_id: string;
    /** Format: date-time */
    delivered_at: null | string;
    /** Format: date-time */
    read_at: null | string;
  };
  GetMessageReceiptsResult: {
    recipients: Schemas["GetMessageReceiptsRecipient"][];
  };
  GetMessagesResult: {
    messages: Schemas["MessageView"][];
    next_cursor: null | string;
  };
  GetTimelineResult: {
    entries: Schemas["TimelineEntryView"][];
    /** Format: int64 */
    last_seq: number;
  };
  GetUnreadResult: {
    messages: Schemas["MessageView"][];
    next_cursor: null | string;
  };
  /** @enum {string} */
  GoneReason: "expired" | "deleted" | "erased" | "truncated" | "altered";
  /** @enum {string} */
  HoldStatus: "pending" | "approved" | "refused" | "released";
  HoldView: {
    /** Format: uuid */
    hold_id: string;
    /** Format: uuid */
    matter_id: null | string;
    reason: string;
    conversation_ids: string[];
    user_ids: string[];
    /** Format: date-time */
    from: null | string;
    /** Format: date-time */
    to: null | string;
    /** Format: uuid */
    placed_by: string;
    /** Format: date-time */
    placed_at: string;
    /** Format: date-time */
    review_at: string;
    status: Schemas["HoldStatus"];
    /** Format: uuid */
    approved_by: null | string;
    /** Format: uuid */
    refused_by: null | string;
  };
  IncarnationAnswer: {
    /** Format: uuid */
    incarnation: string;
  };
  LinkMediaBody: {
    file_ids: string[];
  };
  LinkMediaLink: {
    /** Format: uuid */
    file_id: string;
    url: string;
    /** Format: date-time */
    expires_at: string;
  };
  LinkMediaResult: {
    links: Schemas["LinkMediaLink"][];
  };
  LinkedDeviceAnswer: {
    name: string;
    platform: string;
    ephemeral: boolean;
  };
  ListAccessesDeliveredAnswer: {
    /** Format: date-time */
    at: string;
    /** Format: int64 */
    entries: number;
    sha256: string;
  };
  ListAccessesItem: {
    /** Format: date-time */
    at: string;
    /** Format: uuid */
    auditor_id: string;
    /** Format: uuid */
    device_id: string;
    call: string;
    /** Format: uuid */
    conversation_id: null | string;
    /** Format: uuid */
    matter_id: null | string;
    scope: null | string;
    content: boolean;
    without_approval: boolean;
    delivered: Schemas["ListAccessesDeliveredAnswer"] | null;
  };
  ListAccessesResult: {
    accesses: Schemas["ListAccessesItem"][];
    next_cursor: null | string;
  };
  ListBlocksItem: {
    /** Format: uuid */
    user_id: string;
    name: null | string;
    /** Format: date-time */
    blocked_at: string;
  };
  ListBlocksResult: {
    blocks: Schemas["ListBlocksItem"][];
    next_cursor: null | string;
  };
  ListHoldsResult: {
    holds: Schemas["HoldView"][];
    next_cursor: null | string;
  };
  ListMattersResult: {
    matters: Schemas["MatterView"][];
    next_cursor: null | string;
  };
  LookUpContactsBody: {
    phones: string[];
  };
  LookUpContactsMatch: {
    phone: string;
    /** Format: uuid */
    user_id: string;
    name: null | string;
  };
  LookUpContactsResult: {
    matches: Schemas["LookUpContactsMatch"][];
    invalid: string[];
  };
  /** @enum {string} */
  MatterStatus: "pending" | "approved" | "refused" | "ended";
  MatterView: {
    /** Format: uuid */
    matter_id: string;
    title: string;
    reason: string;
    conversation_ids: string[];
    user_ids: string[];
    /** Format: date-time */
    from: null | string;
    /** Format: date-time */
    to: null | string;
    content: boolean;
    /** Format: uuid */
    requested_by: string;
    /** Format: date-time */
    requested_at: string;
    /** Format: date-time */
    until: string;
    status: Schemas["MatterStatus"];
    /** Format: uuid */
    approved_by: null | string;
    /** Format: uuid */
    refused_by: null | string;
  };
  MediaAnswer: {
    /** Format: uuid */
    file_id: string;
    sha256: string;
    /** Format: int64 */
    size: number;
    content_type: string;
    duplicate: boolean;
  };
  MemberInfo: {
    /** Format: uuid */
    user_id: string;
    role: Schemas["MemberRole"];
    /** Format: int64 */
    joined_seq: number;
  };
  /** @enum {string} */
  MemberRole: "member" | "admin";
  /** @enum {string} */
  MessageStatus: "sent" | "delivered" | "read";
  /** @enum {string} */
  MessageType: "text" | "image" | "video" | "audio" | "document" | "location" | "contact" | "poll";
  MessageView: {
    /** Format: uuid */
    message_id: string;
    /** Format: uuid */
    conversation_id: string;
    /** Format: int64 */
    seq: number;
    /** Format: uuid */
    sender_id: string;
    /** Format: uuid */
    sender_device_id: string;
    type: Schemas["MessageType"];
    text: null | string;
    media_object: null | {
      [key: string]: unknown;
    };
    document: null | {
      [key: string]: unknown;
    };
    /** Format: uuid */
    reply_to: null | string;
    ciphertext: null | string;
    /** Format: int64 */
    epoch: null | number;
    /** Format: date-time */
    sent_at: string;
    /** Format: date-time */
    edited_at: null | string;
    /** Format: date-time */
    deleted_at: null | string;
    /** Format: date-time */
    expires_at: null | string;
    reactions: {
      [key: string]: string[];
    };
    votes?: null | {
      [key: string]: string[];
    };
    status: Schemas["MessageStatus"];
  };
  OwnProfileAnswer: {
    /** Format: uuid */
    user_id: string;
    phone: string;
    name: null | string;
    about: null | string;
    avatar: null | string;
    /** Format: date-time */
    created_at: string;
  };
  PlaceHoldBody: {
    reason: string;
    conversation_ids?: null | string[];
    user_ids?: null | string[];
    /** Format: date-time */
    from?: null | string;
    /** Format: date-time */
    to?: null | string;
    matter_id?: null | string;
    /** Format: date-time */
    review_at: string;
  };
  ProjectionAnswer: {
    name: string;
    /** Format: int64 */
    position: number;
    /** Format: double */
    lag: number;
    state: Schemas["ProjectionState"];
    detail: null | string;
  };
  /** @enum {string} */
  ProjectionState: "running" | "rebuilding" | "waiting" | "stopped";
  ProjectionsAnswer: {
    projections: Schemas["ProjectionAnswer"][];
    /** Format: int64 */
    set_aside_streams: number;
    set_aside: Schemas["SetAsideAnswer"][];
  };
  PublicProfileAnswer: {
    /** Format: uuid */
    user_id: string;
    name: null | string;
    about: null | string;
    avatar: null | string;
  };
  PublicProfilesAnswer: {
    users: Schemas["PublicProfileAnswer"][];
  };
  /** @enum {string} */
  PushPlatform: "webpush" | "fcm" | "apns";
  PushSubscriptionAnswer: {
    /** Format: uuid */
    subscription_id: string;
    platform: Schemas["PushPlatform"];
    /** Format: uuid */
    device_id: string;
    /** Format: date-time */
    created_at: string;
  };
  PushSubscriptionsAnswer: {
    subscriptions: Schemas["PushSubscriptionAnswer"][];
  };
  RawEvent: {
    metadata: string;
    payload: string;
  };
  ReadEventsResult: {
    events: Schemas["AuditedEvent"][];
    next_cursor: null | string;
  };
  RebuildAnswer: {
    name: string;
  };
  ReceiptsBody: {
    /** Format: int64 */
    delivered_seq?: null | number;
    /** Format: int64 */
    read_seq?: null | number;
  };
  RecordedBatch: {
    /** Format: int64 */
    batch: number;
    /** Format: date-time */
    time: string;
  };
  RecoverLogsLog: {
    origin: null | string;
    /** Format: int64 */
    size_before: number;
    /** Format: int64 */
    published: number;
    /** Format: int64 */
    size: number;
  };
  RecoverLogsResult: {
    outcome: Schemas["RecoveryOutcome"];
    heads: Schemas["RecoverLogsLog"];
    keys: Schemas["RecoverLogsLog"];
  };
  /** @enum {string} */
  RecoveryOutcome: "current" | "restored" | "continued";
  RefreshAccessBody: {
    refresh_token: string;
  };
  RegistrationAnswer: {
    /** Format: uuid */
    registration_id: string;
    /** Format: date-time */
    expires_at: string;
    code?: null | string;
  };
  RequestExportBody: {
    matter_id?: null | string;
    conversation_ids: string[];
    from?: null | string;
    to?: null | string;
  };
  RequestMatterBody: {
    reason: string;
    conversation_ids?: null | string[];
    user_ids?: null | string[];
    /** Format: date-time */
    from?: null | string;
    /** Format: date-time */
    to?: null | string;
    title: string;
    content?: boolean;
    /** Format: date-time */
    until: string;
  };
  RequestedExportAnswer: {
    /** Format: uuid */
    export_id: string;
  };
  RetentionInfo: {
    /** Format: int32 */
    days: number;
    /** Format: int32 */
    disappearing_seconds: null | number;
  };
  SendMessageBody: {
    message_id: string;
    sender_id?: null | string;
    receiver_id?: null | string;
    conversation_id?: null | string;
    type: Schemas["MessageType"];
    text?: null | string;
    media_object?: null | {
      [key: string]: unknown;
    };
    document?: null | {
      [key: string]: unknown;
    };
    reply_to?: null | string;
    ciphertext?: null | string;
    /** Format: int64 */
    epoch?: null | number;
  };
  SentAnswer: {
    /** Format: uuid */
    message_id: string;
    /** Format: uuid */
    conversation_id: string;
    /** Format: int64 */
    seq: number;
    /** Format: date-time */
    sent_at: string;
  };
  ServerAnswer: {
    name: string;
    version: string;
    api_versions: string[];
    /** Format: date-time */
    time: string;
    /** Format: uuid */
    incarnation: string;
    registration: string[];
    limits: Schemas["ServerLimits"];
    retention: Schemas["ServerRetention"];
    push: Schemas["ServerPush"];
    encryption: Schemas["ServerEncryption"] | null;
    features: string[];
  };
  ServerEncryption: {
    mls: Schemas["ServerMls"];
  };
  ServerLimits: {
    /** Format: int32 */
    text_bytes: number;
    /** Format: int32 */
    ciphertext_bytes: number;
    /** Format: int32 */
    attachment_bytes: number;
    /** Format: int64 */
    file_bytes: number;
    /** Format: int32 */
    frame_bytes: number;
    /** Format: int32 */
    members: number;
    /** Format: int64 */
    edit_seconds: number;
    /** Format: int32 */
    page: number;
  };
  ServerMls: {
    cipher_suites: number[];
    /** Format: int32 */
    leaves_max: number;
    /** Format: int32 */
    adds_max: number;
  };
  ServerPush: {
    webpush_public_key: null | string;
    fcm: boolean;
    apns: boolean;
  };
  ServerRetention: {
    /** Format: int32 */
    days: number;
    /** Format: int64 */
    shortest_timer_seconds: number;
    delete_when_delivered: boolean;
  };
  SetAsideAnswer: {
    stream: string;
    /** Format: int64 */
    revision: number;
    /** Format: int64 */
    position: number;
    /** Format: uuid */
    event_id: string;
    type: string;
    reason: string;
    /** Format: date-time */
    since: string;
    projections: string[];
  };
  SetReactionBody: {
    emoji: string;
  };
  SetVoteBody: {
    options: number[];
  };
  SettingsAnswer: {
    /** Format: date-time */
    muted_until: null | string;
    pinned: boolean;
    archived: boolean;
  };
  SettleDeviceLinkBody: {
    proof?: null | string;
    payload?: null | string;
    refuse?: null | boolean;
  };
  SettleMatterBody: {
    approve: boolean;
  };
  StartConversationBody: {
    type: Schemas["ConversationType"];
    title?: null | string;
    member_ids?: null | string[];
    encryption?: null | string;
    conversation_id?: null | string;
  };
  StartDeviceLinkBody: {
    device: Schemas["DeviceBody"];
    public_key?: null | string;
  };
  StartRegistrationBody: {
    phone: string;
    name?: null | string;
    refresh_token?: null | string;
  };
  SubscribeBody: {
    platform: Schemas["PushPlatform"];
    endpoint?: null | string;
    keys?: Schemas["SubscribeKeys"] | null;
    token?: null | string;
    topic?: null | string;
  };
  SubscribeKeys: {
    p256dh: string;
    auth: string;
  };
  TimelineEntryView: {
    /** Format: int64 */
    seq: number;
    kind: Schemas["EntryKind"];
    /** Format: date-time */
    at: string;
    /** Format: uuid */
    actor_id: null | string;
    message: Schemas["MessageView"] | null;
    data: null | {
      [key: string]: unknown;
    };
  };
  TokenAnswer: {
    /** Format: uuid */
    user_id: string;
    /** Format: uuid */
    device_id: string;
    access_token: string;
    refresh_token: string;
    /** Format: int64 */
    expires_in: number;
  };
  VapidKeyAnswer: {
    public_key: string;
  };
  VerifyConversationFinding: {
    /** Format: int64 */
    seq: number;
    code: Schemas["ChainProblem"];
    stream: Schemas["AuditedStream"];
  };
  VerifyConversationResult: {
    verified: boolean;
    /** Format: int64 */
    events: number;
    head: null | string;
    /** Format: int64 */
    first_bad_seq: null | number;
    /** Format: int64 */
    from_seq: number;
    /** Format: int64 */
    anchored_seq: null | number;
    /** Format: int64 */
    batch: null | number;
    /** Format: int64 */
    checkpoint_size: null | number;
    problems: Schemas["VerifyConversationFinding"][];
  };
  VerifyRegistrationBody: {
    code: string;
    device: Schemas["DeviceBody"];
  };
}
