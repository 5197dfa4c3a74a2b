using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Timeline;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Edits one of the caller's messages.</summary>
public static class EditMessage
{
    /// <summary>The body of <c>PATCH /v1/conversations/{id}/messages/{message_id}</c>.</summary>
    public sealed record Body
    {
        public string? Text { get; init; }
        public string? Ciphertext { get; init; }
    }

    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, MessageId Message, Body Body) : IRequest<Result>;

    /// <param name="Message">The edited message.</param>
    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(MessageView Message, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body).Must(body => body.Text is null != body.Ciphertext is null)
                .WithMessage("exactly one of text and ciphertext must be given.").OverridePropertyName("text");
            RuleFor(c => c.Body.Text)
                .Must(text => text is null || Encoding.UTF8.GetByteCount(text) <= SendMessage.TextMax)
                .WithMessage($"must be at most {SendMessage.TextMax} bytes of UTF-8.").OverridePropertyName("text");
            RuleFor(c => c.Body.Ciphertext)
                .Must(text => text is null
                    || (text.Length > 0 && SendMessage.Validator.SizeOf(text) <= SendMessage.CiphertextMax))
                .WithMessage($"must be at least one and at most {SendMessage.CiphertextMax} bytes.")
                .OverridePropertyName("ciphertext");
            RuleFor(c => c.Body.Text).Must(text => text is null || text.Length > 0)
                .WithMessage("must have at least one character.").OverridePropertyName("text");
        }
    }

    internal sealed class Handler(
        MessageOperations operations, MessageViews views, IReceipts receipts, IContentSealer sealer)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            ConversationCommand.EditMessage? edit = null;
            var (entry, changed) = await operations.DoAsync(
                request.Caller, request.Device, request.Conversation, request.Message,
                async (found, facts) => edit = await CommandAsync(request, found, facts, cancellationToken),
                cancellationToken);

            var message = entry.Message!;
            if (changed.Events is [ConversationEvent.MessageEdited edited])
                entry = entry with { Message = message with { Content = edited.Content, EditedAt = edited.At } };
            else if (!edit!.Unchanged)
                // A retry of an edit that the view has not seen.
                entry = entry with { Message = message with { Content = edit.Content } };
            var members = (await receipts.OfAsync([request.Conversation], cancellationToken))[request.Conversation];
            return new Result(
                await views.OpenAsync(entry, MessageViews.StatusOf(entry, members), cancellationToken),
                changed.Position);
        }

        private async ValueTask<ConversationCommand.EditMessage> CommandAsync(
            Command request, TimelineEntry found, MessageFacts facts, CancellationToken cancellationToken)
        {
            var message = found.Message!;
            if (message.Sender != request.Caller)
                throw new RefusedException(Refusal.NotTheSender);
            var current = await views.ContentAsync(request.Conversation, message, cancellationToken)
                ?? throw new RefusedException(Refusal.MessageGone);
            var content = Edited(current, request.Body).ToBytes();
            var sealedContent = await sealer.SealAsync(
                new SealScope(message.ExpiresAt, message.Sender, request.Conversation, message.MessageId), content,
                cancellationToken);
            var fingerprint = await sealer.FingerprintAsync(
                message.Sender, MessageContent.Identity(message.Type, message.ReplyTo, content), cancellationToken);
            return new ConversationCommand.EditMessage(
                request.Caller, facts, sealedContent, fingerprint,
                Unchanged: content.AsSpan().SequenceEqual(current.ToBytes()));
        }

        /// <summary>Replaces the text or ciphertext; attachments stay.</summary>
        private static MessageContent Edited(MessageContent current, Body body) =>
            body.Ciphertext is null == current.Ciphertext is null
                ? current with { Text = body.Text, Ciphertext = body.Ciphertext }
                : throw new RefusedException(Refusal.EditMismatch);
    }
}
