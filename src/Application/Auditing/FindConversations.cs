using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Lists conversations by person and time, to find what to look at: who and when, and nothing that was said.
/// </summary>
public static class FindConversations
{
    /// <param name="UserId">Somebody who is or was a member; null for anybody.</param>
    /// <param name="From">A time in the form of RFC 3339; null for none.</param>
    /// <param name="To">A time in the form of RFC 3339; null for none.</param>
    public sealed record Query(string? UserId, string? From, string? To, string? Cursor, int? Limit) : IRequest<Result>;

    /// <param name="NextCursor">
    /// Null at the end. A page may be shorter than its limit, or empty, before that.
    /// </param>
    public sealed record Result(IReadOnlyList<FoundConversation> Conversations, string? NextCursor);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.UserId).Must(id => id is null || Uuids.TryParse(id, out _))
                .WithMessage("must be a UUID.").OverridePropertyName("user_id");
            RuleFor(q => q.From).Must(AskedTime.IsTime).WithMessage(AskedTime.Message).OverridePropertyName("from");
            RuleFor(q => q.To).Must(AskedTime.IsTime).WithMessage(AskedTime.Message).OverridePropertyName("to");
        }
    }

    internal sealed class Handler(IAuditTimeline timeline) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            UserId? user = request.UserId is not null && Uuids.TryParse(request.UserId, out var id) ? new(id) : null;
            var after = Paging.Place(request.Cursor, 1, part => new After(Guid.ParseExact(part[0], "D")));
            var page = await timeline.ListAsync(
                user, AskedTime.Parse(request.From), AskedTime.Parse(request.To),
                after is null ? null : new ConversationId(after.Conversation), request.Limit ?? Paging.LimitDefault,
                cancellationToken);
            return new Result(
                [
                    .. page.Found.Select(found => new FoundConversation(
                        found.Id.Value, found.Kind, null, found.StartedAt, found.LastAt, found.LastSeq,
                        [.. found.Members.Select(member => member.Value)])),
                ],
                page.Last is { } last ? Paging.Cursor(last.ToString()) : null);
        }
    }

    private sealed record After(Guid Conversation);
}

/// <summary>A conversation in a list for auditors.</summary>
/// <param name="Type"><c>direct</c> or <c>group</c>.</param>
/// <param name="Encryption">How its messages are encrypted end to end; null for not at all.</param>
/// <param name="LastAt">The time of the last entry that somebody caused.</param>
/// <param name="Members">The ids of all who ever were members.</param>
public sealed record FoundConversation(
    Guid ConversationId, string Type, string? Encryption, DateTimeOffset StartedAt, DateTimeOffset LastAt, long LastSeq,
    IReadOnlyList<Guid> Members);
