using System.Diagnostics;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Receipts;

/// <summary>Acknowledges, for the caller's device, every entry of a conversation up to a seq as delivered, as read, or both.</summary>
public static class Acknowledge
{
    /// <returns>Up to where the log holds it.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, long? DeliveredSeq, long? ReadSeq, string? CorrelationId = null)
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
                new Actor(request.Caller, request.Device), request.CorrelationId ?? Activity.Current?.TraceId.ToHexString(), null);
            var work = new List<Task<LogPosition>>(capacity: 2);
            if (request.ReadSeq is { } read)
                work.Add(Raise(new ReceiptCommand.Read(request.Caller, request.Device, read)));
            if (request.DeliveredSeq is { } delivered)
                work.Add(Raise(new ReceiptCommand.Deliver(request.Caller, request.Device, delivered)));
            return work.Count == 1 ? await work[0] : (await Task.WhenAll(work)).Max();

            Task<LogPosition> Raise(ReceiptCommand command) =>
                conversations.AcknowledgeAsync(request.Conversation, command, origin, cancellationToken);
        }
    }
}
