using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Conversations;

/// <summary>Changes the role of a group's member.</summary>
public static class ChangeRole
{
    /// <summary>The body of <c>PUT /v1/conversations/{id}/members/{user_id}/role</c>.</summary>
    public sealed record Body
    {
        public string? Role { get; init; }
    }

    /// <returns>The position of the last event written.</returns>
    public sealed record Command(
        UserId Caller, DeviceId Device, ConversationId Conversation, UserId User, Body Body) : IRequest<LogPosition>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Role).Must(role => ConversationNames.ParseRole(role) is not null)
                .WithMessage("must be admin or member.").OverridePropertyName("role");
        }
    }

    internal sealed class Handler(IConversationWriter conversations) : IRequestHandler<Command, LogPosition>
    {
        public Task<LogPosition> Handle(
            Command request, CancellationToken cancellationToken) => conversations.ChangeAsync(
            request.Conversation,
            new ConversationCommand.ChangeRole(
                request.Caller, request.User, ConversationNames.ParseRole(request.Body.Role)!.Value),
            request.Caller, request.Device, cancellationToken);
    }
}
