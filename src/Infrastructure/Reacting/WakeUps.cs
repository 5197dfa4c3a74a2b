using System.Diagnostics.Metrics;
using ChatCqrs.Application;
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

/// <summary>Messages were recorded for a user who has subscribed to push.</summary>
/// <param name="Wake">The wake-up's id.</param>
/// <param name="Since">When the earliest of the messages was recorded.</param>
/// <param name="Look">The number of earlier checks that found a socket.</param>
public sealed record WakeUp(Guid User, Guid Wake, DateTimeOffset Since, int Look = 0);

/// <summary>
/// Sends <see cref="WakeUser"/>, and schedules the message again if the result asks for it. Wolverine repeats a failed
/// attempt as <see cref="ReactionHost.Retries"/> says.
/// </summary>
internal sealed class WakeUpHandler(IMediator mediator) : MessageHandler<WakeUp>
{
    protected override async Task HandleAsync(WakeUp message, MessageContext context, CancellationToken cancellation)
    {
        WakeUser.Result result;
        try
        {
            result = await mediator.Send(
                new WakeUser.Command(new UserId(message.User), message.Wake, message.Since, message.Look),
                cancellation);
        }
        catch (Exception) when (context.Envelope?.Attempts > ReactionHost.Retries.Length)
        {
            WakeUps.GivenUp.Add(1, new KeyValuePair<string, object?>("reason", "failed"));
            throw; // To the dead letters.
        }

        if (result.LookAgainIn is { } delay)
            await context.ScheduleAsync(message with { Since = result.Since, Look = message.Look + 1 }, delay);
    }
}

/// <summary>
/// Stores a wake-up for each user who has subscribed to push and for whom messages were recorded, in the transaction
/// that shows the messages in the views. At most one wake-up is pending for a user. The row of a wake-up that could not be
/// stored, since Wolverine does not run, says so; <see cref="OverdueWakeUps"/> stores it later.
/// </summary>
internal sealed class WakeUps(ReactionHost reactions, IOptions<PushOptions> options, TimeProvider clock) : IReaction
{
    /// <summary>Older messages wake nobody: a read side that catches up sends no flood of old wake-ups.</summary>
    internal static readonly TimeSpan AgeMax = TimeSpan.FromHours(1);

    /// <summary>A pending wake-up that is overdue for so long counts as lost, and a new one replaces it.</summary>
    internal static readonly TimeSpan LateMax = TimeSpan.FromMinutes(2);

    /// <summary>Wake-ups that were given up: they failed each time, or could not be stored for too long.</summary>
    internal static readonly Counter<long> GivenUp = Telemetry.Meter.CreateCounter<long>(
        "chat.push.given_up", "{wakeup}", "Wake-ups that were given up, by reason.");

    public async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, NpgsqlTransaction transaction,
        CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var messages = facts
            .Where(fact => fact.Event is ConversationEvent.MessageSent && now - fact.At < AgeMax).ToList();
        if (messages.Count == 0 || !await AnySubscribedAsync(session, cancellationToken))
            return;
        var senders = messages
            .Select(fact => (fact.Conversation.Value, ((ConversationEvent.MessageSent)fact.Event).Sender.Value))
            .Distinct().ToList();
        var due = now + options.Value.MergeWindow;
        var since = messages.Min(fact => fact.At);
        var users = await PendAsync(senders, due, since, now, session, cancellationToken);
        if (users.Count == 0)
            return;
        var wakeUps = users.Select(user => new WakeUp(user, Guid.CreateVersion7(now), since));
        if (!await reactions.TryStoreAsync(transaction, wakeUps, due, cancellationToken))
            await NoteUnsentAsync(users, session, cancellationToken);
    }

    private static async Task NoteUnsentAsync(
        List<Guid> users, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            "UPDATE push_pending SET is_unsent = true WHERE user_id = ANY ($1)", users.ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<bool> AnySubscribedAsync(ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command("SELECT EXISTS (SELECT FROM push_subscriptions)");
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>
    /// Notes a pending wake-up for each recipient who has subscribed. Rows of users with a pending wake-up are locked
    /// too: the one who takes such a row waits for this transaction and sees its messages. The row is written only if
    /// these messages are earlier than all that the wake-up is about so far.
    /// </summary>
    /// <param name="senders">The conversations with new messages, each with the senders.</param>
    /// <returns>The users who had no pending wake-up.</returns>
    private static async Task<List<Guid>> PendAsync(
        List<(Guid Conversation, Guid Sender)> senders, DateTimeOffset due, DateTimeOffset since, DateTimeOffset now,
        ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            """
            INSERT INTO push_pending (user_id, due, since)
            SELECT DISTINCT m.user_id, $3::timestamptz, $5::timestamptz FROM unnest($1, $2) AS sent(conversation_id, sender)
            JOIN members() m ON m.conversation_id = sent.conversation_id AND m.user_id <> sent.sender AND m.left_seq IS NULL
            WHERE EXISTS (SELECT FROM push_subscriptions s WHERE s.user_id = m.user_id)
            ORDER BY m.user_id
            ON CONFLICT (user_id) DO UPDATE SET
                due = CASE WHEN push_pending.due < $4 THEN excluded.due ELSE push_pending.due END,
                is_unsent = push_pending.is_unsent AND NOT push_pending.due < $4,
                since = excluded.since
            WHERE push_pending.due < $4 OR push_pending.since > excluded.since
            RETURNING user_id, due = $3
            """,
            senders.Select(pair => pair.Conversation).ToArray(), senders.Select(pair => pair.Sender).ToArray(),
            due.UtcDateTime, (now - LateMax).UtcDateTime, since.UtcDateTime);
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
