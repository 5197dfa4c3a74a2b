using System.Buffers.Text;
using System.Diagnostics;
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
using ChatCqrs.Domain.Retention;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Accepts a message for a conversation, or for a user with whom the direct conversation is started if need be.</summary>
public static class SendMessage
{
    /// <summary>The most that a text may have, in bytes of UTF-8.</summary>
    public const int TextMax = 65_536;

    /// <summary>The most that a ciphertext may have, in bytes; of what it stands for where it is base64.</summary>
    public const int CiphertextMax = 256 * 1024;

    /// <summary>The most that a media object or document description may have, in bytes of JSON.</summary>
    public const int AttachmentMax = 16 * 1024;

    /// <summary>The body of <c>POST /v1/messages</c> and of the socket's <c>send</c> frame; ids are strings, so that a bad one is named.</summary>
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

    /// <param name="Session">The socket session that sends it; null for REST.</param>
    public sealed record Command(UserId Caller, DeviceId Device, Body Body, Session? Session = null) : IRequest<Sent>;

    /// <param name="Id">The session, which gets an ack in the entry's place.</param>
    /// <param name="CorrelationId">Kept with the events.</param>
    /// <param name="Admitted">See <see cref="Origin"/>.</param>
    public sealed record Session(Guid Id, string CorrelationId, Action Admitted);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.MessageId).Must(BeAnId).WithMessage("must be a UUID.").OverridePropertyName("message_id");
            RuleFor(c => c.Body.SenderId).Must(BeAnId).When(c => c.Body.SenderId is not null)
                .WithMessage("must be a UUID.").OverridePropertyName("sender_id");
            RuleFor(c => c.Body.ReplyTo).Must(BeAnId).When(c => c.Body.ReplyTo is not null)
                .WithMessage("must be a UUID.").OverridePropertyName("reply_to");
            RuleFor(c => c.Body.ConversationId).Must(BeAnId).When(c => c.Body.ConversationId is not null)
                .WithMessage("must be a UUID.").OverridePropertyName("conversation_id");
            RuleFor(c => c.Body.ReceiverId).Must(id => BeAnId(id) || PhoneNumber.IsE164(id)).When(c => c.Body.ReceiverId is not null)
                .WithMessage("must be a user's or a conversation's UUID, or a phone number in E.164 form.").OverridePropertyName("receiver_id");
            RuleFor(c => c.Body).Must(b => b.ReceiverId is null != b.ConversationId is null)
                .WithMessage("exactly one of receiver_id and conversation_id must be given.").OverridePropertyName("receiver_id");
            RuleFor(c => c.Body.Type).Must(type => MessageTypes.Parse(type) is not null)
                .WithMessage("must be one of " + MessageTypes.Names + ".").OverridePropertyName("type");
            RuleFor(c => c.Body).Must(HaveContent).When(c => MessageTypes.Parse(c.Body.Type) is not null)
                .WithMessage("a message needs a text (of at least one character), a media object, a document or a ciphertext that fits its type.")
                .OverridePropertyName("text");
            RuleFor(c => c.Body.Text).Must(text => text is null || Encoding.UTF8.GetByteCount(text) <= TextMax)
                .WithMessage($"must be at most {TextMax} bytes of UTF-8.").OverridePropertyName("text");
            RuleFor(c => c.Body).Must(b => b.Ciphertext is null || (b.Text is null && BeBare(b.MediaObject) && BeBare(b.Document)))
                .WithMessage("stands alone: an encrypted message has no plain content beside it, but for the file_id of an attachment.")
                .OverridePropertyName("ciphertext");
            RuleFor(c => c.Body.Ciphertext).Must(text => text is null || SizeOf(text) <= CiphertextMax)
                .WithMessage($"must be at most {CiphertextMax} bytes.").OverridePropertyName("ciphertext");
            RuleFor(c => c.Body.MediaObject).Must(BeSmall)
                .WithMessage($"must be at most {AttachmentMax} bytes of JSON.").OverridePropertyName("media_object");
            RuleFor(c => c.Body.Document).Must(BeSmall)
                .WithMessage($"must be at most {AttachmentMax} bytes of JSON.").OverridePropertyName("document");
            RuleFor(c => c.Body.Epoch).Null().WithMessage("is only for conversations that are encrypted with MLS.").OverridePropertyName("epoch");
        }

        private static bool BeAnId(string? id) => Guid.TryParseExact(id, "D", out var value) && value != Guid.Empty;

        private static bool BeSmall(JsonElement? element) => element is null || element.Value.GetRawText().Length <= AttachmentMax;

        private static bool BeBare(JsonElement? attachment) => !Given(attachment) || FileReferences.IsBare(attachment!.Value);

        private static bool HaveContent(Body body) => !string.IsNullOrEmpty(body.Ciphertext)
            || (body.Type == "text" ? !string.IsNullOrEmpty(body.Text) : !string.IsNullOrEmpty(body.Text) || Given(body.MediaObject) || Given(body.Document));

        private static bool Given(JsonElement? element) => element is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) };

        internal static int SizeOf(string ciphertext) =>
            Base64.IsValid(ciphertext, out var decoded) ? decoded : Encoding.UTF8.GetByteCount(ciphertext);
    }

    internal sealed class Handler(
        IConversationWriter conversations, IUsers users, KnownUsers known, DirectPairs pairs, BlockLists blocks, IContentSealer sealer, MessageLifetimes lifetimes,
        FileReferences media, EarlierMessages earlier, ISentMessages sent, TimeProvider clock) : IRequestHandler<Command, Sent>, IMessageSealer
    {
        public async Task<Sent> Handle(Command request, CancellationToken cancellationToken)
        {
            var body = request.Body;
            if (body.SenderId is not null && Guid.Parse(body.SenderId) != request.Caller.Value)
                throw new RefusedException(Refusal.SenderMismatch);

            var (conversation, other) = await AddressAsync(request.Caller, body, cancellationToken);
            var policy = lifetimes.Guess(conversation);
            var command = await SealAsync(request, conversation, policy, cancellationToken);
            var session = request.Session;
            var origin = new Origin(
                new Actor(request.Caller, request.Device), session?.CorrelationId ?? Activity.Current?.TraceId.ToHexString(), session?.Id,
                session?.Admitted);
            var files = await media.FindAsync(request.Caller, body.MediaObject, body.Document, cancellationToken);
            var receiver = other ?? await pairs.OtherAsync(conversation, request.Caller, cancellationToken);
            var isGone = receiver is { } user && !await known.ExistsAsync(user, cancellationToken);
            var isBlocked = !isGone && receiver is { } blocker && await blocks.HasBlockedAsync(blocker, request.Caller, cancellationToken);
            var replySeq = command.ReplyTo is { } target ? await earlier.SeqOfAsync(conversation, target, request.Caller, cancellationToken) : null;
            return await conversations.SendAsync(
                conversation, command with { StartWith = other, Files = files, ReplySeq = replySeq, IsBlocked = isBlocked, IsGone = isGone }, origin, cancellationToken,
                new SealedFor(policy, this, request));
        }

        public async ValueTask<ConversationCommand.SendMessage> SealAgainAsync(
            object request, ConversationId conversation, ConversationCommand.SendMessage command, RetentionPolicy policy)
        {
            lifetimes.Note(conversation, policy);
            var again = await SealAsync((Command)request, conversation, policy, CancellationToken.None);
            return command with { Content = again.Content, ExpiresAt = again.ExpiresAt };
        }

        /// <summary>
        /// The conversation that is meant, and the other user where it may have to be started. A receiver is a phone, a user or a conversation;
        /// ids of conversations and users cannot be told apart by form, so an id that is a conversation of the caller is taken as that.
        /// </summary>
        private async ValueTask<(ConversationId Conversation, UserId? Other)> AddressAsync(
            UserId caller, Body body, CancellationToken cancellationToken)
        {
            if (body.ConversationId is not null)
                return (new ConversationId(Guid.Parse(body.ConversationId)), null);
            if (!Guid.TryParse(body.ReceiverId, out var id))
            {
                return await users.FindByPhoneAsync(body.ReceiverId!, cancellationToken) is { } user
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
                return (direct, null); // They were erased. What was sent to them before is answered as ever, and nothing new is taken.
            return await IsMemberAsync(caller, id, cancellationToken)
                ? (new ConversationId(id), null)
                : throw new RefusedException(Refusal.UserUnknown);
        }

        /// <summary>Where a retry belongs whose receiver has given the phone up since, with the account.</summary>
        private async ValueTask<ConversationId> SentBeforeAsync(UserId caller, Body body, CancellationToken cancellationToken)
        {
            var key = (caller, new MessageId(Guid.Parse(body.MessageId!)));
            return (await sent.FindAsync([key], cancellationToken)).TryGetValue(key, out var earlier)
                ? earlier.Conversation
                : throw new RefusedException(Refusal.UserUnknown);
        }

        /// <summary>Groups' ids have the version of users' ids.</summary>
        private async ValueTask<bool> IsMemberAsync(UserId caller, Guid conversation, CancellationToken cancellationToken) =>
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
            }.ToBytes();
            var type = MessageTypes.Parse(body.Type)!.Value;
            MessageId? replyTo = body.ReplyTo is null ? null : new MessageId(Guid.Parse(body.ReplyTo));
            var expiresAt = lifetimes.ExpiryOf(clock.GetUtcNow(), policy);

            var sealedContent = await sealer.SealAsync(
                new SealScope(expiresAt, request.Caller, conversation, messageId), content, cancellationToken);
            var fingerprint = await sealer.FingerprintAsync(request.Caller, MessageContent.Identity(type, replyTo, content), cancellationToken);
            return new ConversationCommand.SendMessage(
                messageId, request.Caller, request.Device, type, sealedContent, fingerprint, replyTo, expiresAt);
        }
    }
}
