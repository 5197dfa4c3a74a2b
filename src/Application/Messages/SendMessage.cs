using System.Buffers.Text;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Sends a message to a conversation, or to a user: then starts the direct conversation if needed.</summary>
public static class SendMessage
{
    /// <summary>The longest text, in bytes of UTF-8.</summary>
    public const int TextMax = 65_536;

    /// <summary>The largest ciphertext, in bytes; decoded, if it is base64.</summary>
    public const int CiphertextMax = 256 * 1024;

    /// <summary>The largest media object or document description, in bytes of JSON.</summary>
    public const int AttachmentMax = 16 * 1024;

    /// <summary>The most levels of objects and arrays, one in the other, of either of them.</summary>
    public const int AttachmentLevels = 8;

    /// <summary>
    /// The body of <c>POST /v1/messages</c> and of the socket's <c>send</c> frame. Ids are strings, so that validation
    /// can name a bad one.
    /// </summary>
    public sealed record Body
    {
        public string? MessageId { get; init; }
        public string? SenderId { get; init; }
        public string? ReceiverId { get; init; }
        public string? ConversationId { get; init; }
        public string? Type { get; init; }
        public string? Text { get; init; }
        public JsonElement? MediaObject { get; init; }
        public JsonElement? Document { get; init; }
        public string? ReplyTo { get; init; }
        public string? Ciphertext { get; init; }
        public long? Epoch { get; init; }
    }

    /// <param name="Session">The sending socket's session; null for REST.</param>
    public sealed record Command(UserId Caller, DeviceId Device, Body Body, Session? Session = null) : IRequest<Sent>;

    /// <param name="Id">The session's id. It gets an ack instead of the entry.</param>
    /// <param name="CorrelationId">Stored with the events.</param>
    /// <param name="Admitted">See <see cref="Origin"/>.</param>
    public sealed record Session(Guid Id, string CorrelationId, Action Admitted);

    internal sealed class Validator : AbstractValidator<Command>
    {
        private static readonly string TooDeep = $"must have at most {AttachmentLevels} levels.";

        public Validator()
        {
            RuleFor(c => c.Body.MessageId).Must(Uuids.IsOne).WithMessage("must be a UUID.")
                .OverridePropertyName("message_id");
            RuleFor(c => c.Body.SenderId).Must(Uuids.IsOne).When(c => c.Body.SenderId is not null)
                .WithMessage("must be a UUID.").OverridePropertyName("sender_id");
            RuleFor(c => c.Body.ReplyTo).Must(Uuids.IsOne).When(c => c.Body.ReplyTo is not null)
                .WithMessage("must be a UUID.").OverridePropertyName("reply_to");
            RuleFor(c => c.Body.ConversationId).Must(Uuids.IsOne).When(c => c.Body.ConversationId is not null)
                .WithMessage("must be a UUID.").OverridePropertyName("conversation_id");
            RuleFor(c => c.Body.ReceiverId).Must(id => Uuids.IsOne(id) || PhoneNumber.IsE164(id))
                .When(c => c.Body.ReceiverId is not null)
                .WithMessage("must be a user's or a conversation's UUID, or a phone number in E.164 form.")
                .OverridePropertyName("receiver_id");
            RuleFor(c => c.Body).Must(b => b.ReceiverId is null != b.ConversationId is null)
                .WithMessage("exactly one of receiver_id and conversation_id must be given.")
                .OverridePropertyName("receiver_id");
            RuleFor(c => c.Body.Type).Must(type => MessageTypes.Parse(type) is not null)
                .WithMessage("must be one of " + MessageTypes.Names + ".").OverridePropertyName("type");
            RuleFor(c => c.Body).Must(HaveContent).When(c => MessageTypes.Parse(c.Body.Type) is not null)
                .WithMessage(
                    "a message needs a text (of at least one character), a media object, a document or a ciphertext "
                    + "that fits its type.")
                .OverridePropertyName("text");
            RuleFor(c => c.Body.Text).Must(text => text is null || Encoding.UTF8.GetByteCount(text) <= TextMax)
                .WithMessage($"must be at most {TextMax} bytes of UTF-8.").OverridePropertyName("text");
            RuleFor(c => c.Body)
                .Must(b => b.Ciphertext is null || (b.Text is null && BeBare(b.MediaObject) && BeBare(b.Document)))
                .WithMessage(
                    "stands alone: an encrypted message has no plain content beside it, "
                    + "but for the file_id of an attachment.")
                .OverridePropertyName("ciphertext");
            RuleFor(c => c.Body.Ciphertext).Must(text => text is null || SizeOf(text) <= CiphertextMax)
                .WithMessage($"must be at most {CiphertextMax} bytes.").OverridePropertyName("ciphertext");
            RuleFor(c => c.Body.MediaObject).Must(BeSmall)
                .WithMessage($"must be at most {AttachmentMax} bytes of JSON.").OverridePropertyName("media_object");
            RuleFor(c => c.Body.MediaObject).Must(BeFlat).When(c => BeSmall(c.Body.MediaObject))
                .WithMessage(TooDeep).OverridePropertyName("media_object");
            RuleFor(c => c.Body.Document).Must(BeSmall)
                .WithMessage($"must be at most {AttachmentMax} bytes of JSON.").OverridePropertyName("document");
            RuleFor(c => c.Body.Document).Must(BeFlat).When(c => BeSmall(c.Body.Document))
                .WithMessage(TooDeep).OverridePropertyName("document");
            RuleFor(c => c.Body).Custom(BeDescribed).When(c => c.Body.Ciphertext is null);
            RuleFor(c => c.Body).Custom(NameFewFiles);
            RuleFor(c => c.Body.Text).NotEmpty().When(c => c.Body is { Type: "poll", Ciphertext: null })
                .WithMessage("must be the question of the poll.").OverridePropertyName("text");
            RuleFor(c => c.Body.Epoch).Null().WithMessage("is only for conversations that are encrypted with MLS.")
                .OverridePropertyName("epoch");
        }

        private static bool BeSmall(JsonElement? element) =>
            element is null || JsonMarshal.GetRawUtf8Value(element.Value).Length <= AttachmentMax;

        /// <summary>Messages of type text have no attachment that is described.</summary>
        private static void BeDescribed(Body body, ValidationContext<Command> context)
        {
            if (MessageTypes.Parse(body.Type) is not { } type || type == MessageType.Text)
                return;
            var (field, attachment) = type == MessageType.Document
                ? ("document", body.Document)
                : ("media_object", body.MediaObject);
            if (BeSmall(attachment) && AttachmentRules.FaultOf(type, attachment) is { } fault)
                context.AddFailure(field, fault);
        }

        private static void NameFewFiles(Body body, ValidationContext<Command> context)
        {
            if (FileReferences.Of(body.MediaObject, body.Document) is { Count: > FileReferences.FilesMax })
            {
                context.AddFailure(
                    body.MediaObject is null ? "document" : "media_object",
                    $"must name at most {FileReferences.FilesMax} files.");
            }
        }

        private static bool BeFlat(JsonElement? element) =>
            element is null || IsWithin(element.Value, AttachmentLevels);

        /// <summary>Whether a value has at most so many levels of objects and arrays.</summary>
        private static bool IsWithin(JsonElement element, int levels) => element.ValueKind switch
        {
            JsonValueKind.Object =>
                levels > 0 && element.EnumerateObject().All(member => IsWithin(member.Value, levels - 1)),
            JsonValueKind.Array => levels > 0 && element.EnumerateArray().All(item => IsWithin(item, levels - 1)),
            _ => true,
        };

        private static bool BeBare(JsonElement? attachment) =>
            !Given(attachment) || FileReferences.IsBare(attachment!.Value);

        private static bool HaveContent(Body body) =>
            !string.IsNullOrEmpty(body.Ciphertext) || !string.IsNullOrEmpty(body.Text)
            || (body.Type != "text" && (Given(body.MediaObject) || Given(body.Document)));

        private static bool Given(JsonElement? element) =>
            element is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) };

        internal static int SizeOf(string ciphertext) =>
            Base64.IsValid(ciphertext, out var decoded) ? decoded : Encoding.UTF8.GetByteCount(ciphertext);
    }

    internal sealed class Handler(
        IConversationWriter conversations, PhoneLookUps phones, KnownUsers known, DirectPairs pairs, BlockLists blocks,
        IContentSealer sealer, MessageLifetimes lifetimes, FilePermissions permissions, EarlierMessages earlier,
        ISentMessages sent, TimeProvider clock) : IRequestHandler<Command, Sent>, IMessageSealer
    {
        public async Task<Sent> Handle(Command request, CancellationToken cancellationToken)
        {
            var body = request.Body;
            if (body.SenderId is not null && Guid.Parse(body.SenderId) != request.Caller.Value)
                throw new RefusedException(Refusal.SenderMismatch);

            var (conversation, other) = await AddressAsync(request.Caller, body, cancellationToken);
            var files = FileReferences.Of(body.MediaObject, body.Document);
            // Begun here and awaited in the message's place: the socket's next frame does not wait for it.
            var maySend = files is null ? null : permissions.MaySendAsync(request.Caller, files);
            var policy = lifetimes.Guess(conversation);
            var command = await SealAsync(request, conversation, policy, cancellationToken);
            var session = request.Session;
            var origin = new Origin(
                new Actor(request.Caller, request.Device),
                session?.CorrelationId ?? Activity.Current?.TraceId.ToHexString(), session?.Id, session?.Admitted);
            var receiver = other ?? await pairs.OtherAsync(conversation, request.Caller, cancellationToken);
            var isGone = receiver is not null && !await known.ExistsAsync(receiver.Value, cancellationToken);
            var isBlocked = receiver is not null && !isGone
                && await blocks.HasBlockedAsync(receiver.Value, request.Caller, cancellationToken);
            var replySeq = command.ReplyTo is { } replyTo
                ? await earlier.SeqOfAsync(conversation, replyTo, request.Caller, cancellationToken)
                : null;
            command = command with
            {
                StartWith = other,
                Files = files,
                ReplySeq = replySeq,
                IsBlocked = isBlocked,
                IsGone = isGone,
            };
            return await conversations.SendAsync(
                conversation, command, origin, cancellationToken, new SealedFor(policy, this, request), maySend);
        }

        public async ValueTask<ConversationCommand.SendMessage> SealAgainAsync(
            object request, ConversationId conversation, ConversationCommand.SendMessage command,
            RetentionPolicy policy)
        {
            lifetimes.Note(conversation, policy);
            var again = await SealAsync((Command)request, conversation, policy, CancellationToken.None);
            return command with { Content = again.Content, ExpiresAt = again.ExpiresAt };
        }

        /// <summary>
        /// Resolves the conversation, and the other user if it may have to be started. A receiver is a phone, a user or
        /// a conversation. Ids of users and conversations have the same form, so the id of a conversation of the caller
        /// counts as that.
        /// </summary>
        private async ValueTask<(ConversationId Conversation, UserId? Other)> AddressAsync(
            UserId caller, Body body, CancellationToken cancellationToken)
        {
            if (body.ConversationId is not null)
                return (new ConversationId(Guid.Parse(body.ConversationId)), null);
            if (!Uuids.TryParse(body.ReceiverId, out var id))
            {
                return await phones.FindAsync(caller, body.ReceiverId!, cancellationToken) is { } user
                    ? (DirectWith(caller, user), user)
                    : (await SentBeforeAsync(caller, body, cancellationToken), null);
            }

            if (id.Version == DirectConversation.Version && await IsMemberAsync(caller, id, cancellationToken))
                return (new ConversationId(id), null);
            var other = new UserId(id);
            var direct = DirectWith(caller, other);
            if (await known.ExistsAsync(other, cancellationToken))
                return (direct, other);
            if (await IsMemberAsync(caller, direct.Value, cancellationToken))
                return (direct, null); // The receiver was erased: retries are answered, new messages refused.
            return await IsMemberAsync(caller, id, cancellationToken)
                ? (new ConversationId(id), null)
                : throw new RefusedException(Refusal.UserUnknown);
        }

        /// <summary>The conversation of a retry whose receiver no longer has the phone.</summary>
        private async ValueTask<ConversationId> SentBeforeAsync(
            UserId caller, Body body, CancellationToken cancellationToken)
        {
            var key = (caller, new MessageId(Guid.Parse(body.MessageId!)));
            return (await sent.FindAsync([key], conversation: null, cancellationToken)) is [var earlier]
                ? earlier.Conversation
                : throw new RefusedException(Refusal.UserUnknown);
        }

        /// <summary>
        /// Whether an id is a conversation of the caller: groups' ids have the same version as users' ids.
        /// </summary>
        private async ValueTask<bool> IsMemberAsync(
            UserId caller, Guid conversation, CancellationToken cancellationToken) =>
            (await conversations.PeekAsync(new ConversationId(conversation), cancellationToken)).IsMember(caller);

        private static ConversationId DirectWith(UserId caller, UserId other) => caller == other
            ? throw new RefusedException(Refusal.DirectWithOneself)
            : DirectConversation.IdOf(caller, other);

        private async ValueTask<ConversationCommand.SendMessage> SealAsync(
            Command request, ConversationId conversation, RetentionPolicy policy, CancellationToken cancellationToken)
        {
            var body = request.Body;
            var messageId = new MessageId(Guid.Parse(body.MessageId!));
            var content = new MessageContent
            {
                Text = body.Text,
                MediaObject = body.MediaObject,
                Document = body.Document,
                Ciphertext = body.Ciphertext,
            };
            var type = MessageTypes.Parse(body.Type)!.Value;
            MessageId? replyTo = body.ReplyTo is null ? null : new MessageId(Guid.Parse(body.ReplyTo));
            var expiresAt = lifetimes.ExpiryOf(clock.GetUtcNow(), policy);

            var stored = content.ToBytes();
            var sealedContent = await sealer.SealAsync(
                new SealScope(expiresAt, request.Caller, conversation, messageId), stored, cancellationToken);
            var canonical = content.ToCanonicalBytes(stored);
            return new ConversationCommand.SendMessage(
                messageId, request.Caller, request.Device, type, sealedContent, await FingerprintAsync(canonical),
                replyTo, expiresAt)
            {
                FormerFingerprint = ReferenceEquals(canonical, stored) ? null : await FingerprintAsync(stored),
            };

            ValueTask<Fingerprint> FingerprintAsync(byte[] bytes) => sealer.FingerprintAsync(
                request.Caller, MessageContent.Identity(type, replyTo, bytes), cancellationToken);
        }
    }
}
