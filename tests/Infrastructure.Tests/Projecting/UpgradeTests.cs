using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>A database of an earlier version is brought up to date by the start, with all that it shows.</summary>
public sealed class UpgradeTests : ProjectingTest
{
    /// <summary>The tables as they were before there were groups and sweeps.</summary>
    private const string BeforeGroups =
        """
        ALTER TABLE chat.timeline ADD COLUMN members uuid[];
        UPDATE chat.timeline t SET members = ARRAY(
            SELECT m.value::uuid FROM jsonb_array_elements_text(convert_from(t.payload, 'UTF8')::jsonb -> 'members') WITH ORDINALITY AS m(value, place) ORDER BY place)
            WHERE kind = 'conversation_started';
        ALTER TABLE chat.timeline DROP COLUMN event, DROP COLUMN payload, DROP COLUMN edited_at, DROP COLUMN deleted_at, DROP COLUMN reactions,
            DROP COLUMN expired_at, DROP COLUMN kept_until;
        DROP TABLE chat.log_trims;
        ALTER TABLE chat.conversations DROP COLUMN title, DROP COLUMN title_by;
        UPDATE chat.mt_doc_members SET data = data - 'left_seq' - 'earlier';
        """;

    [Fact]
    public async Task What_was_written_before_groups_came_is_shown_as_ever_and_goes_on()
    {
        var history = new History(Log);
        var (ann, ben) = (History.SomeUser(), History.SomeUser());
        ConversationId conversation;
        IReadOnlyList<TimelineEntry> before;
        await using (var old = await StartNodeAsync())
        {
            conversation = await history.StartAsync(ann, ben);
            await history.SendAsync(conversation, ann);
            await old.CaughtUpAsync(history.Head);
            before = await old.Get<ITimeline>().EntriesAsync(conversation, -1, 50, default);
        }

        await Views.ExecuteAsync(BeforeGroups);
        await using var node = await StartNodeAsync();
        var after = await node.Get<ITimeline>().EntriesAsync(conversation, -1, 50, default);

        Assert.Equal(2, after.Count);
        Assert.Equivalent(before, after, strict: true);
        Assert.Equal([ann, ben], Assert.IsType<ConversationEvent.ConversationStarted>(after[0].Update).Members.AsEnumerable());
        Assert.Equal(1, Assert.Single(await node.Get<IInbox>().PageAsync(ben, null, 9, default)).Unread);
        var message = history.Facts[^1];
        await history.TryAsync(conversation, ann, new ConversationCommand.DeleteMessage(ann, history.FactsOf(message, ann)));
        await node.CaughtUpAsync(history.Head);
        Assert.NotNull((await node.Get<ITimeline>().EntriesAsync(conversation, 0, 1, default))[0].Message!.DeletedAt);
        Assert.Equal(0, Assert.Single(await node.Get<IInbox>().PageAsync(ben, null, 9, default)).Unread);
    }
}
