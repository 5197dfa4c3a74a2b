using ChatCqrs.Application.Push;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Infrastructure.Projecting;
using MediatR;
using Microsoft.Extensions.Options;
using Npgsql;
using Wolverine;
using Wolverine.Runtime;
using Wolverine.Runtime.Handlers;

namespace ChatCqrs.Infrastructure.Reacting;

/// <summary>Messages were recorded for a user who wants to be woken.</summary>
/// <param name="Wake">The wake-up's id.</param>
/// <param name="Since">When the earliest of the messages was recorded.</param>
/// <param name="Look">How often it was looked before whether they are here.</param>
public sealed record WakeUp(Guid User, Guid Wake, DateTimeOffset Since, int Look = 0);

/// <summary>Sends the command, and again later if it says so; Wolverine repeats it until it succeeds.</summary>
internal sealed class WakeUpHandler(IMediator mediator) : MessageHandler<WakeUp>
{
    protected override async Task HandleAsync(WakeUp message, MessageContext context, CancellationToken cancellation)
    {
        var result = await mediator.Send(new WakeUser.Command(new UserId(message.User), message.Wake, message.Since, message.Look), cancellation);
        if (result.LookAgainIn is { } delay)
            await context.ScheduleAsync(message with { Since = result.Since, Look = message.Look + 1 }, delay);
    }
}

/// <summary>
/// Leaves a wake-up for each user who has subscribed to push and for whom messages were recorded, in the transaction in which the views show them. One wake-up
/// waits for a user at a time.
/// </summary>
internal sealed class WakeUps(ReactionHost reactions, IOptions<PushOptions> options, TimeProvider clock) : IReaction
{
    /// <summary>Nobody is woken for what is older: a read side that catches up does not ring through the night.</summary>
    private static readonly TimeSpan AgeMax = TimeSpan.FromHours(1);

    /// <summary>A wake-up that has not come when it was due for so long is given up, and another may wait.</summary>
    private static readonly TimeSpan LateMax = TimeSpan.FromMinutes(2);

    public async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, NpgsqlTransaction transaction, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var news = facts.Where(fact => fact.Event is ConversationEvent.MessageSent && now - fact.At < AgeMax).ToList();
        var sent = news.Select(fact => (Conversation: fact.Conversation.Value, ((ConversationEvent.MessageSent)fact.Event).Sender.Value)).Distinct().ToList();
        if (sent.Count == 0 || !await AnybodyAsync(session, cancellationToken))
            return;
        var due = now + options.Value.MergeWindow;
        var since = news.Min(fact => fact.At);
        var users = await PendAsync(sent, due, since, now, session, cancellationToken);
        if (users.Count > 0)
            await reactions.StoreAsync(transaction, users.Select(user => new WakeUp(user, Guid.CreateVersion7(now), since)), due, cancellationToken);
    }

    private static async Task<bool> AnybodyAsync(ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command("SELECT EXISTS (SELECT FROM push_subscriptions)");
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>
    /// Rows of users for whom a wake-up waits already are locked all the same: whoever takes them waits for this transaction, and sees its messages. They are
    /// written only if these are dated earlier than all that it is about so far.
    /// </summary>
    /// <returns>The others.</returns>
    private static async Task<List<Guid>> PendAsync(
        List<(Guid Conversation, Guid Sender)> sent, DateTimeOffset due, DateTimeOffset since, DateTimeOffset now, ReadModelSession session,
        CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            $"""
            INSERT INTO push_pending (user_id, due, since)
            SELECT DISTINCT m.user_id, $3::timestamptz, $5::timestamptz FROM unnest($1, $2) AS sent(conversation_id, sender)
            JOIN members() m ON m.conversation_id = sent.conversation_id AND m.user_id <> sent.sender AND m.left_seq IS NULL
            WHERE EXISTS (SELECT FROM push_subscriptions s WHERE s.user_id = m.user_id)
            ORDER BY m.user_id
            ON CONFLICT (user_id) DO UPDATE SET
                due = CASE WHEN push_pending.due < $4 THEN excluded.due ELSE push_pending.due END,
                since = excluded.since
            WHERE push_pending.due < $4 OR push_pending.since > excluded.since
            RETURNING user_id, due = $3
            """,
            sent.Select(pair => pair.Conversation).ToArray(), sent.Select(pair => pair.Sender).ToArray(), due.UtcDateTime, (now - LateMax).UtcDateTime,
            since.UtcDateTime);
        var users = new List<Guid>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            if (row.GetBoolean(1))
                users.Add(row.GetGuid(0));
        }

        return users;
    }
}
