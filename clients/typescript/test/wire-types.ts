// Compiled only: what the server's document says that it sends is what the SDK promises.
import type { Schemas, ServerCode } from '../src/generated/rest.js';
import type {
  ConversationDetails, Device, ErrorCode, InboxItem, Me, MediaLink, Member, Message, Problem, Profile, Recipient,
  ServerInfo, TimelineEntry,
} from '../src/index.js';
import type { TokenAnswer } from '../src/wire.js';

type Sent<Answer extends Promised, Promised> = [Answer, Promised];

export type Checked = [
  Sent<Schemas['ConversationDetails'], ConversationDetails>,
  Sent<Schemas['ConversationSummary'], InboxItem>,
  Sent<Schemas['DeviceAnswer'], Device>,
  Sent<Schemas['GetMembersItem'], Member>,
  Sent<Schemas['GetMessageReceiptsRecipient'], Recipient>,
  Sent<Schemas['LinkMediaLink'], MediaLink>,
  Sent<Schemas['MessageView'], Message>,
  Sent<Schemas['OwnProfileAnswer'], Me>,
  Sent<Schemas['PublicProfileAnswer'], Profile>,
  Sent<Schemas['ServerAnswer'], ServerInfo>,
  Sent<Schemas['TimelineEntryView'], TimelineEntry>,
  Sent<Schemas['TokenAnswer'], TokenAnswer>,
  Sent<ServerCode, ErrorCode>,
  Sent<{ status: number; code: ServerCode; trace_id: string }, Problem>,
];
