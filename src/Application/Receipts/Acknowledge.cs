using System.Diagnostics;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Receipts;

/// <summary>
/// Acknowledges, for the caller's device, all entries of a conversation up to a seq as delivered, read or both.
/// </summary>
public static class Acknowledge
{
    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, long? DeliveredSeq, long? ReadSeq,
        string? CorrelationId = null)
        : IRequest<LogPosition>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.DeliveredSeq).GreaterThanOrEqualTo(0).OverridePropertyName("delivered_seq");
            RuleFor(c => c.ReadSeq).GreaterThanOrEqualTo(0).OverridePropertyName("read_seq");
            RuleFor(c => c).Must(c => c.DeliveredSeq is not null || c.ReadSeq is not null)
                .WithMessage("delivered_seq, read_seq or both must be given.").OverridePropertyName("delivered_seq");
        }
    }

    internal sealed class Handler(IConversationWriter conversations) : IRequestHandler<Command, LogPosition>
    {
        public async Task<LogPosition> Handle(Command request, CancellationToken cancellationToken)
        {
            var origin = new Origin(
                new Actor(request.Caller, request.Device),
                request.CorrelationId ?? Activity.Current?.TraceId.ToHexString(), null);
            var read = request.ReadSeq is { } readSeq
                ? new ReceiptCommand.Read(request.Caller, request.Device, readSeq)
                : null;
            var deliver = request.DeliveredSeq is { } deliveredSeq
                ? new ReceiptCommand.Deliver(request.Caller, request.Device, deliveredSeq)
                : null;
            if (read is null || deliver is null)
                return await Raise((ReceiptCommand?)read ?? deliver!);

            // The higher one first: if it is accepted, so is the other, and nothing is half done.
            ReceiptCommand[] both = read.UpToSeq > deliver.UpToSeq ? [read, deliver] : [deliver, read];
            await Raise(both[0]);
            return await Raise(both[1]);

            Task<LogPosition> Raise(ReceiptCommand command) =>
                conversations.AcknowledgeAsync(request.Conversation, command, origin, cancellationToken);
        }
    }
}
