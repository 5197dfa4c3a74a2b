using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Presence;

/// <summary>Filters a list of users to those whose presence the caller may watch.</summary>
public static class WatchPresence
{
    /// <summary>The most users in one request.</summary>
    public const int UsersMax = 200;

    /// <summary>How long to wait for the read models to show a conversation that was just started.</summary>
    private static readonly TimeSpan FreshnessWait = TimeSpan.FromSeconds(1);

    /// <param name="Users">Ids of users.</param>
    public sealed record Query(UserId Caller, IReadOnlyList<string?>? Users) : IRequest<IReadOnlyCollection<UserId>>;

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Users)
            .Must(users => users is { Count: <= UsersMax } && users.All(id => Uuids.TryParse(id, out _)))
            .WithMessage($"must be a list of at most {UsersMax} ids of users.").OverridePropertyName("user_ids");
    }

    internal sealed class Handler(PresenceVisibility visibility, IReadSide readSide, IConversationWriter conversations)
        : IRequestHandler<Query, IReadOnlyCollection<UserId>>
    {
        public async Task<IReadOnlyCollection<UserId>> Handle(Query request, CancellationToken cancellationToken)
        {
            var others = request.Users!.Select(id => new UserId(Guid.Parse(id!))).Where(id => id != request.Caller);
            var wanted = others.Distinct().Select(id => (request.Caller, id)).ToArray();
            if (wanted.Length == 0)
                return [];
            await readSide.WaitForAsync(conversations.LastCommitted, FreshnessWait, cancellationToken);
            return [.. (await visibility.AllowedAsync(wanted, cancellationToken)).Select(pair => pair.Watched)];
        }
    }
}
