// What the server sends, as the wire contract has it. Members may be added by the server; pass over unknown ones.

export type MessageType =
  | 'text'
  | 'image'
  | 'video'
  | 'audio'
  | 'document'
  | 'location'
  | 'contact'
  | 'poll'
  | 'encrypted'
  | (string & {});

export type MessageStatus = 'sent' | 'delivered' | 'read';

/** Members of `media_object` and `document` that the server checks; others are kept as they are. */
export interface Attachment {
  file_id?: string;
  name?: string;
  /** Bytes. */
  size?: number;
  content_type?: string;
  width?: number;
  height?: number;
  duration_ms?: number;
  /** 1 to 64 numbers, 0 to 255. */
  waveform?: number[];
  thumbhash?: string;
  thumbnail_file_id?: string;
  sticker?: boolean;
  voice?: boolean;
  latitude?: number;
  longitude?: number;
  accuracy_m?: number;
  address?: string;
  phones?: string[];
  user_id?: string;
  /** Of a poll: 2 to 12 texts. */
  options?: string[];
  multiple?: boolean;
  [member: string]: unknown;
}

export interface Message {
  readonly message_id: string;
  readonly conversation_id: string;
  readonly seq: number;
  readonly sender_id: string;
  readonly sender_device_id: string | null;
  readonly type: MessageType;
  readonly text: string | null;
  readonly media_object: Attachment | string | null;
  readonly document: Attachment | string | null;
  readonly reply_to: string | null;
  readonly ciphertext: string | null;
  readonly epoch: number | null;
  readonly sent_at: string;
  readonly edited_at: string | null;
  readonly deleted_at: string | null;
  readonly expires_at: string | null;
  readonly reactions: Readonly<Record<string, readonly string[]>>;
  /** Of a poll: the people by the index of the option. */
  readonly votes?: Readonly<Record<string, readonly string[]>> | null;
  readonly status: MessageStatus;
}

export type UpdateKind =
  | 'conversation_started'
  | 'member_added'
  | 'member_removed'
  | 'member_left'
  | 'role_changed'
  | 'group_renamed'
  | 'retention_changed'
  | 'message_edited'
  | 'message_deleted'
  | 'reaction_set'
  | 'reaction_cleared'
  | 'vote_set'
  | 'vote_cleared'
  | 'encryption_changed'
  | 'mls_commit'
  | 'mls_reset'
  | 'messages_expired'
  | (string & {});

/** An entry of a conversation other than a message. */
export interface Update {
  readonly conversation_id: string;
  readonly seq: number;
  readonly kind: UpdateKind;
  readonly actor_id: string | null;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly at: string;
}

export interface Receipt {
  readonly conversation_id: string;
  readonly user_id: string;
  readonly delivered_seq: number;
  readonly read_seq: number;
  readonly at: string;
}

export interface Typing {
  readonly conversation_id: string;
  readonly user_id: string;
  readonly active: boolean;
}

export interface Presence {
  readonly user_id: string;
  readonly online: boolean;
  readonly last_seen: string | null;
}

/** Something changed outside of conversations. A hint: inbox and profiles tell the same. */
export interface AccountChange {
  readonly kind: 'settings_changed' | 'block_changed' | 'device_added' | 'device_removed' | 'profile_changed'
    | (string & {});
  readonly [member: string]: unknown;
}

export interface Reset {
  readonly conversation_id: string;
  /** Entries beyond it are gone: drop them. */
  readonly last_seq: number;
  readonly incarnation: string;
}

/** A message is durable, at this place. */
export interface Ack {
  readonly message_id: string;
  readonly conversation_id: string;
  readonly seq: number;
  readonly sent_at: string;
}

export interface Welcome {
  readonly user_id: string;
  readonly device_id: string;
  readonly session_id: string;
  readonly server_time: string;
  readonly expires_at?: string;
  readonly incarnation?: string;
  readonly key_packages?: number;
}

export type ConversationType = 'direct' | 'group';
export type Role = 'admin' | 'member';

export interface InboxItem {
  readonly conversation_id: string;
  readonly type: ConversationType;
  readonly title: string | null;
  /** The other one of a direct conversation; null for a group. */
  readonly with: { readonly user_id: string; readonly name: string | null; readonly avatar: string | null } | null;
  readonly member_count: number;
  readonly encryption: 'mls' | null;
  readonly last_seq: number;
  readonly last_message: Message | null;
  readonly unread_count: number;
  readonly delivered_seq: number;
  readonly read_seq: number;
  readonly muted_until: string | null;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly updated_at: string;
}

export interface ConversationDetails {
  readonly conversation_id: string;
  readonly type: ConversationType;
  readonly title: string | null;
  readonly members: readonly { readonly user_id: string; readonly role: Role; readonly joined_seq: number }[];
  readonly retention: { readonly days: number | null; readonly disappearing_seconds: number | null };
  readonly encryption: 'mls' | null;
  readonly epoch: number | null;
}

export interface Member {
  readonly user_id: string;
  readonly name: string | null;
  readonly role: Role;
  readonly joined_seq: number;
}

export interface TimelineEntry {
  readonly seq: number;
  readonly kind: 'message' | UpdateKind;
  readonly at: string;
  readonly actor_id: string | null;
  readonly message: Message | null;
  readonly data: Readonly<Record<string, unknown>> | null;
}

export interface Me {
  readonly user_id: string;
  readonly phone: string;
  readonly name: string | null;
  readonly about: string | null;
  readonly avatar: string | null;
  readonly created_at: string;
}

export interface Profile {
  readonly user_id: string;
  readonly name: string | null;
  readonly about: string | null;
  readonly avatar: string | null;
}

export interface Device {
  readonly device_id: string;
  readonly name: string;
  readonly platform: string;
  readonly created_at: string;
  readonly last_seen: string | null;
  readonly current: boolean;
  readonly ephemeral: boolean;
}

/** How a device names itself. `ephemeral`: it may lose its storage (a browser). */
export interface NewDevice {
  name: string;
  platform: string;
  ephemeral?: boolean;
}

/** The answer to a verification, a refresh and an approved link. `expires_in` is in seconds. */
export interface TokenAnswer {
  readonly user_id: string;
  readonly device_id: string;
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

export interface ServerInfo {
  readonly name: string;
  readonly version: string;
  readonly api_versions: readonly string[];
  readonly time: string;
  readonly incarnation: string;
  readonly registration: readonly string[];
  readonly limits: {
    readonly text_bytes: number;
    readonly ciphertext_bytes: number;
    readonly attachment_bytes: number;
    readonly file_bytes: number;
    readonly frame_bytes: number;
    readonly members: number;
    readonly edit_seconds: number;
    readonly page: number;
  };
  readonly retention: {
    readonly days: number | null;
    readonly shortest_timer_seconds: number;
    readonly delete_when_delivered: boolean;
  };
  readonly push: { readonly webpush_public_key: string | null; readonly fcm: boolean; readonly apns: boolean };
  readonly encryption: {
    readonly mls: { readonly cipher_suites: readonly number[]; readonly leaves_max: number; readonly adds_max: number };
  } | null;
  readonly features: readonly string[];
}

export interface MediaLink {
  readonly file_id: string;
  readonly url: string;
  readonly expires_at: string;
}

export interface Recipient {
  readonly user_id: string;
  readonly delivered_at: string | null;
  readonly read_at: string | null;
}
