using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Presence;

/// <summary>Tells the other online members that the caller started or stopped typing. Nothing is stored.</summary>
public static class SayTyping
{
    public sealed record Command(UserId Caller, string? Conversation, bool? Active) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Conversation).Must(id => Uuids.TryParse(id, out _)).WithMessage("must be a UUID.")
                .OverridePropertyName("conversation_id");
            RuleFor(c => c.Active).NotNull().WithMessage("must be true or false.").OverridePropertyName("active");
        }
    }

    internal sealed class Handler(
        Membership membership, ITypingDelivery sockets, INodeBus bus) : IRequestHandler<Command, Unit>
    {
        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken)
        {
            var id = new ConversationId(Guid.Parse(request.Conversation!));
            var (conversation, _) = await membership.RequireAsync(request.Caller, id, cancellationToken);
            var typing = new LiveTyping(id, request.Caller, request.Active!.Value, [.. conversation.Members.Keys]);
            sockets.Publish(typing);
            bus.Announce(typing.Members.Count <= CommittedEntries.MembersMax ? typing : typing with { Members = [] });
            return Unit.Value;
        }
    }
}
