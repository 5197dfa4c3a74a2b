using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Starts a conversation; the direct conversation of two users is found if it exists.</summary>
public static class StartConversation
{
    /// <summary>The body of <c>POST /v1/conversations</c>.</summary>
    public sealed record Body
    {
        public string? Type { get; init; }
        public IReadOnlyList<string?>? MemberIds { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    /// <param name="Created">False when it existed.</param>
    /// <param name="Position">Up to where the log holds it.</param>
    public sealed record Result(ConversationId Conversation, bool Created, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Type).Equal("direct").WithMessage("must be direct.").OverridePropertyName("type");
            RuleFor(c => c.Body.MemberIds).NotEmpty().WithMessage("must name the other user.").OverridePropertyName("member_ids");
            RuleForEach(c => c.Body.MemberIds).Must(id => Guid.TryParseExact(id, "D", out var value) && value != Guid.Empty)
                .WithMessage("must be a UUID.").OverridePropertyName("member_ids");
        }
    }

    internal sealed class Handler(IConversationWriter conversations, IUsers users, BlockLists blocks) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var others = request.Body.MemberIds!.Select(id => new UserId(Guid.Parse(id!))).Where(id => id != request.Caller).Distinct().ToArray();
            if (others.Length == 0)
                throw new RefusedException(Refusal.DirectWithOneself);
            if (others.Length > 1)
                throw new RefusedException(Refusal.DirectWithSeveral);
            if (!await users.ExistsAsync(others[0], cancellationToken))
                throw new RefusedException(Refusal.UserUnknown);

            var id = DirectConversation.IdOf(request.Caller, others[0]);
            var origin = new Origin(new Actor(request.Caller, request.Device), Activity.Current?.TraceId.ToHexString(), null);
            var isBlocked = await blocks.HasBlockedAsync(others[0], request.Caller, cancellationToken);
            var (started, position) = await conversations.StartAsync(
                id, new ConversationCommand.StartDirect(request.Caller, others[0], isBlocked), origin, cancellationToken);
            return new Result(id, started, position);
        }
    }
}
