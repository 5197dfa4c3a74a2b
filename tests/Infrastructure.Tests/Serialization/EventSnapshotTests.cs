using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Serialization;
using Snapshooter;
using Snapshooter.Xunit;

namespace ChatCqrs.Infrastructure.Tests.Serialization;

/// <summary>
/// One snapshot for each event: its bytes in the log, the contract with every existing log. A snapshot never changes;
/// a new form of an event is a new version with its own snapshot.
/// </summary>
public sealed class EventSnapshotTests
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
    private static readonly UserId Ann = new(Guid.Parse("0198c2a4-7f00-7000-8000-0000000000a1"));
    private static readonly UserId Ben = new(Guid.Parse("0198c2a4-7f00-7000-8000-0000000000b2"));
    private static readonly DeviceId Phone = new(Guid.Parse("0198c2a4-7f00-7000-8000-0000000000d1"));
    private static readonly MessageId Message = new(Guid.Parse("0198c2a5-1000-7000-8000-0000000000c3"));
    private static readonly SealedContent Sealed = new("2026-02-01", new byte[] { 0, 1, 2, 253, 254, 255 });

    private static readonly ConversationId Group = new(Guid.Parse("0198c2a4-7f00-7000-8000-0000000000c1"));
    private static readonly MatterId Matter = new(Guid.Parse("0198c2a5-1000-7000-8000-0000000000f2"));
    private static readonly HoldId Hold = new(Guid.Parse("0198c2a5-1000-7000-8000-0000000000f3"));
    private static readonly AuditScope Scope = new([Group], [Ben], At.AddDays(-7), At);
    private static readonly byte[] Hash = Convert.FromBase64String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");

    private static readonly EventContext Context = new(
        Guid.Parse("0198c2a5-2000-7000-8000-0000000000e5"), At, new Actor(Ann, Phone),
        "4bf92f3577b34da6a3ce929d0e0e4736",
        Guid.Parse("0198c2a5-1000-7000-8000-0000000000c3"));

    private static readonly Dictionary<string, object> Events = new()
    {
        ["conversation-started.v1"] = new ConversationEvent.ConversationStarted(
            ConversationKind.Direct, Ann, [Ann, Ben])
        { At = At },
        ["message-sent.v1"] = new ConversationEvent.MessageSent(
            Message, Ann, Phone, MessageType.Text, Sealed, new Fingerprint(UInt128.MaxValue / 3),
            new MessageId(Guid.Parse("0198c2a5-0000-7000-8000-0000000000c2")), At.AddDays(30))
        { At = At },
        ["member-added.v1"] = new ConversationEvent.MemberAdded(Ben, Ann) { At = At },
        ["member-removed.v1"] = new ConversationEvent.MemberRemoved(Ben, Ann) { At = At },
        ["member-left.v1"] = new ConversationEvent.MemberLeft(Ben) { At = At },
        ["role-changed.v1"] = new ConversationEvent.RoleChanged(Ben, Role.Admin, Ann) { At = At },
        ["group-renamed.v1"] = new ConversationEvent.GroupRenamed(new GroupTitle(Sealed with { Bucket = null }, Ann))
        { At = At },
        ["retention-changed.v1"] = new ConversationEvent.RetentionChanged(new RetentionPolicy(7, 3_600), Ann)
        { At = At },
        ["message-edited.v1"] = new ConversationEvent.MessageEdited(
            Message, 7, Ann, Sealed, new Fingerprint(UInt128.MaxValue / 3))
        { At = At },
        ["message-deleted.v1"] = new ConversationEvent.MessageDeleted(Message, 7, Ann) { At = At },
        ["reaction-set.v1"] = new ConversationEvent.ReactionSet(Message, 7, Ben, "👍") { At = At },
        ["reaction-cleared.v1"] = new ConversationEvent.ReactionCleared(Message, 7, Ben) { At = At },
        ["vote-set.v1"] = new ConversationEvent.VoteSet(Message, 7, Ben, Vote.Of([2, 0])) { At = At },
        ["vote-cleared.v1"] = new ConversationEvent.VoteCleared(Message, 7, Ben) { At = At },
        ["messages-expired.v1"] = new ConversationEvent.MessagesExpired(
            [
                new ExpiredMessage(Message, 7),
                new ExpiredMessage(new(Guid.Parse("0198c2a5-1000-7000-8000-0000000000c4")), 9),
            ],
            ExpiryReason.Expired)
        { At = At },
        ["message-delivered.v1"] = new ReceiptEvent.MessageDelivered(Ben, Phone, 7) { At = At },
        ["message-read.v1"] = new ReceiptEvent.MessageRead(Ben, Phone, 7) { At = At },
        ["user-registered.v1"] = new UserEvent.UserRegistered(Ann, Sealed with { Bucket = null }) { At = At },
        ["profile-changed.v1"] = new UserEvent.ProfileChanged(Ann, Sealed with { Bucket = null }) { At = At },
        ["device-added.v1"] = new UserEvent.DeviceAdded(Ann, Phone, "Ann's \"phone\" ☎", "android") { At = At },
        ["device-removed.v1"] = new UserEvent.DeviceRemoved(Ann, Phone) { At = At },
        ["user-blocked.v1"] = new UserEvent.UserBlocked(Ann, Ben) { At = At },
        ["user-unblocked.v1"] = new UserEvent.UserUnblocked(Ann, Ben) { At = At },
        ["conversation-settings-changed.v1"] = new UserEvent.ConversationSettingsChanged(
            Ann, new ConversationId(Guid.Parse("5f0c1c1e-2a3b-8c4d-9e5f-60718293a4b5")),
            new ConversationSettings(true, false, At.AddDays(7)))
        { At = At },
        ["user-erased.v1"] = new UserEvent.UserErased(Ann) { At = At },
        ["audit-accessed.v1"] = new AuditEvent.AuditAccessed(
            Ann, Phone, "state", Group, Matter, "?as_of_seq=7", Content: true, WithoutApproval: true)
        { At = At },
        ["audit-delivered.v1"] = new AuditEvent.AuditDelivered(
            Guid.Parse("0198c2a5-2000-7000-8000-0000000000ac"), 50, Hash)
        { At = At },
        ["matter-requested.v1"] = new AuditEvent.MatterRequested(
            Matter, Ann, "Complaint 12", "A customer says that an order was given in a chat.", Scope, Content: true,
            At.AddDays(30))
        { At = At },
        ["matter-approved.v1"] = new AuditEvent.MatterApproved(Matter, Ben) { At = At },
        ["matter-refused.v1"] = new AuditEvent.MatterRefused(Matter, Ben) { At = At },
        ["matter-ended.v1"] = new AuditEvent.MatterEnded(Matter) { At = At },
        ["hold-placed.v1"] = new AuditEvent.HoldPlaced(
            Hold, Ann, Matter, Scope, "A lawsuit is to be expected.", At.AddDays(90))
        { At = At },
        ["hold-approved.v1"] = new AuditEvent.HoldApproved(Hold, Ben) { At = At },
        ["hold-refused.v1"] = new AuditEvent.HoldRefused(Hold, Ben) { At = At },
        ["hold-released.v1"] = new AuditEvent.HoldReleased(Hold, Ann) { At = At },
        ["access-roles.v1"] = new AuditEvent.AccessRolesSet(
            [Ann.ToString()], ["55555555555555555555555555555555"], [], WithoutApproval: true)
        { At = At },
        ["log-verified.v1"] = new AuditEvent.LogVerified(1, 4711, [12]) { At = At },
        ["log-recovered.v1"] = new AuditEvent.LogRecovered(Ann, "restored", 4700, 4711, 311, 312) { At = At },
        ["erasure-limited.v1"] = new AuditEvent.ErasureLimited(Ben, [Hold]) { At = At },
        ["stream-truncated.v1"] = new AuditEvent.StreamTruncated(StreamName.Of(Group), 41_200, Hash, "expired")
        { At = At },
    };

    public static TheoryData<string> Names => [.. Events.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_event_is_written_as_it_ever_was(string name)
    {
        var (data, _) = new EventCodec().Encode(Events[name], Context, IEventCodec.FirstLink);

        Assert.Equal(name, data.Type);
        Snapshot.Match(
            $"{data.Type}\n{Encoding.UTF8.GetString(data.Payload.Span)}\n"
            + $"{Encoding.UTF8.GetString(data.Metadata.Span)}\n",
            new SnapshotFullName(name + ".snap", FolderOf()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_event_is_read_back_as_what_was_written(string name)
    {
        var codec = new EventCodec();
        var (data, hash) = codec.Encode(Events[name], Context, IEventCodec.FirstLink);

        var read = codec.Decode(new StoredEvent(
            StreamName.Of(Ann), 3, new LogPosition(4711), data.EventId, data.Type, data.Payload, data.Metadata));

        Assert.Equal((Context.At, Context.Actor, 3L), (read.At, read.Actor, read.Revision));
        Assert.Equal(hash.ToArray(), read.Hash.ToArray());
        var (again, _) = codec.Encode(read.Event, Context, IEventCodec.FirstLink);
        Assert.Equal(data.Payload.ToArray(), again.Payload.ToArray());
    }

    [Fact]
    public void A_group_starts_with_its_title()
    {
        var title = new GroupTitle(Sealed with { Bucket = null }, Ann);
        var started = new ConversationEvent.ConversationStarted(ConversationKind.Group, Ann, [Ann, Ben], title)
        { At = At };
        var (data, _) = new EventCodec().Encode(started, Context, IEventCodec.FirstLink);

        Snapshot.Match(
            Encoding.UTF8.GetString(data.Payload.Span) + "\n",
            new SnapshotFullName("conversation-started of a group.snap", FolderOf()));
    }

    [Fact]
    public void Sealed_content_carries_the_commitment_to_its_key()
    {
        var sent = (ConversationEvent.MessageSent)Events["message-sent.v1"];
        var committed = sent with { Content = Sealed with { Commit = Hash } };
        var codec = new EventCodec();
        var (data, _) = codec.Encode(committed, Context, IEventCodec.FirstLink);

        Snapshot.Match(
            Encoding.UTF8.GetString(data.Payload.Span) + "\n",
            new SnapshotFullName("message-sent with a commitment.snap", FolderOf()));
        var read = codec.Decode(new StoredEvent(
            StreamName.Of(Group), 3, new LogPosition(4711), data.EventId, data.Type, data.Payload, data.Metadata));
        Assert.Equal(Hash, ((ConversationEvent.MessageSent)read.Event).Content.Commit!.Value.ToArray());
        Assert.Null(Decoded(codec, sent).Content.Commit);

        static ConversationEvent.MessageSent Decoded(EventCodec codec, object @event)
        {
            var (data, _) = codec.Encode(@event, Context, IEventCodec.FirstLink);
            var stored = new StoredEvent(
                StreamName.Of(Group), 3, new LogPosition(1), data.EventId, data.Type, data.Payload, data.Metadata);
            return (ConversationEvent.MessageSent)codec.Decode(stored).Event;
        }
    }

    [Fact]
    public void A_profile_names_its_avatar()
    {
        var changed = new UserEvent.ProfileChanged(
            Ann, Sealed with { Bucket = null }, new FileId(Guid.Parse("0198c2a5-1000-7000-8000-0000000000f1")))
        { At = At };
        var codec = new EventCodec();
        var (data, _) = codec.Encode(changed, Context, IEventCodec.FirstLink);

        Snapshot.Match(
            Encoding.UTF8.GetString(data.Payload.Span) + "\n",
            new SnapshotFullName("profile-changed with an avatar.snap", FolderOf()));
        var read = codec.Decode(new StoredEvent(
            StreamName.Of(Ann), 3, new LogPosition(4711), data.EventId, data.Type, data.Payload, data.Metadata));
        Assert.Equal(changed.Avatar, ((UserEvent.ProfileChanged)read.Event).Avatar);
    }

    [Fact]
    public void A_device_says_that_it_is_ephemeral()
    {
        var added = new UserEvent.DeviceAdded(Ann, Phone, "Browser", "web", Ephemeral: true) { At = At };
        var codec = new EventCodec();
        var (data, _) = codec.Encode(added, Context, IEventCodec.FirstLink);

        Assert.EndsWith(
            ",\"platform\":\"web\",\"ephemeral\":true}", Encoding.UTF8.GetString(data.Payload.Span),
            StringComparison.Ordinal);
        var read = codec.Decode(new StoredEvent(
            StreamName.Of(Ann), 3, new LogPosition(4711), data.EventId, data.Type, data.Payload, data.Metadata));
        Assert.Equal(added, read.Event);
    }

    [Fact]
    public void A_group_under_an_id_of_its_clients_tells_the_fingerprint_of_its_start()
    {
        var started = new ConversationEvent.ConversationStarted(
            ConversationKind.Group, Ann, [Ann], null, new Fingerprint(UInt128.MaxValue / 3))
        { At = At };
        var codec = new EventCodec();
        var (data, _) = codec.Encode(started, Context, IEventCodec.FirstLink);

        Assert.EndsWith(
            ",\"fingerprint\":\"55555555555555555555555555555555\"}", Encoding.UTF8.GetString(data.Payload.Span),
            StringComparison.Ordinal);
        var read = codec.Decode(new StoredEvent(
            StreamName.Of(new ConversationId(Guid.NewGuid())), 0, new LogPosition(1), data.EventId, data.Type,
            data.Payload, data.Metadata));
        Assert.Equal(started.Fingerprint, Assert.IsType<ConversationEvent.ConversationStarted>(read.Event).Fingerprint);
    }

    [Fact]
    public void What_an_audit_does_not_have_is_left_out()
    {
        AssertLeftOut(
            new AuditEvent.AuditAccessed(Ann, Phone, "access", null, null, null, false, false) { At = At },
            $$"""{"auditor":"{{Ann}}","device":"{{Phone}}","call":"access","content":false}""");
        AssertLeftOut(
            new AuditEvent.MatterApproved(Matter, By: null) { At = At }, $$"""{"matter":"{{Matter}}"}""");
        AssertLeftOut(
            new AuditEvent.HoldPlaced(Hold, Ann, null, new([Group], [], null, null), "Why.", At) { At = At },
            $$"""
            {"hold":"{{Hold}}","by":"{{Ann}}","reason":"Why.","review_at":"2026-01-02T03:04:05.678Z","conversations":["{{Group}}"]}
            """);

        static void AssertLeftOut(AuditEvent @event, string payload)
        {
            var (data, _) = new EventCodec().Encode(@event, Context, IEventCodec.FirstLink);
            Assert.Equal(payload, Encoding.UTF8.GetString(data.Payload.Span));
            var read = new EventCodec().Decode(new StoredEvent(
                StreamName.Audit, 0, new LogPosition(1), data.EventId, data.Type, data.Payload, data.Metadata));
            var (again, _) = new EventCodec().Encode(read.Event, Context, IEventCodec.FirstLink);
            Assert.Equal(payload, Encoding.UTF8.GetString(again.Payload.Span));
        }
    }

    [Fact]
    public void Every_event_is_here() => Assert.Equal(
        EventRegistry.Formats.Select(format => format.Name).Order(StringComparer.Ordinal),
        Events.Keys.Order(StringComparer.Ordinal));

    private static string FolderOf([System.Runtime.CompilerServices.CallerFilePath] string file = "") =>
        Path.GetDirectoryName(file)!;
}
