using System.Text.RegularExpressions;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Architecture.Tests;

/// <summary>
/// Every event is sealed and has one wire name. Wire names never disappear, because the log keeps them.
/// </summary>
public sealed partial class EventRules
{
    /// <summary>Every wire name ever written to a log. Never remove a name.</summary>
    private static readonly string[] Ever =
    [
        "conversation-started.v1", "message-sent.v1", "message-delivered.v1", "message-read.v1", "user-registered.v1",
        "profile-changed.v1", "device-added.v1", "device-removed.v1", "user-blocked.v1", "user-unblocked.v1",
        "conversation-settings-changed.v1", "member-added.v1", "member-removed.v1", "member-left.v1", "role-changed.v1",
        "group-renamed.v1", "retention-changed.v1", "message-edited.v1", "message-deleted.v1", "reaction-set.v1",
        "reaction-cleared.v1", "messages-expired.v1", "user-erased.v1", "vote-set.v1", "vote-cleared.v1",
        "audit-accessed.v1", "audit-delivered.v1", "matter-requested.v1", "matter-approved.v1", "matter-refused.v1",
        "matter-ended.v1", "hold-placed.v1", "hold-approved.v1", "hold-refused.v1", "hold-released.v1",
        "access-roles.v1", "log-verified.v1", "erasure-limited.v1", "stream-truncated.v1", "log-recovered.v1",
    ];

    [Fact]
    public void Every_event_is_sealed_and_has_one_wire_name()
    {
        var events = EventsOf(Solution.Domain.GetTypes()).ToList();

        Assert.NotEmpty(events);
        Assert.Empty(Violations(events, EventRegistry.Formats));
    }

    [Fact]
    public void The_registry_holds_exactly_the_wire_names_ever_written() => Assert.Equal(
        Ever.Order(StringComparer.Ordinal),
        EventRegistry.Formats.Select(format => format.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_wire_name_has_one_snapshot() => Assert.Empty(WithoutSnapshot(Ever));

    [Fact]
    public void Events_that_break_the_rules_are_found()
    {
        var (open, closed) = (typeof(Planted.Open), typeof(Planted.Closed));
        AssertFound("sealed", open, Format("open.v1", open));
        AssertFound("wire name", closed);
        AssertFound("wire name", closed, Format("closed.v1", closed), Format("closed.v2", closed));
        AssertFound("form", closed, Format("Closed", closed));
        Assert.Equal(["never-seen.v1"], WithoutSnapshot(["never-seen.v1"]));

        static void AssertFound(string what, Type @event, params EventFormat[] formats) =>
            Assert.Contains(Violations([@event], formats), found => found.Contains(what, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^[a-z]+(-[a-z]+)*\.v[1-9][0-9]*$")]
    private static partial Regex WireName();

    /// <summary>The cases of abstract records whose name ends with "Event".</summary>
    private static IEnumerable<Type> EventsOf(IEnumerable<Type> types) => types.Where(type =>
        type.DeclaringType is { IsAbstract: true } family
        && family.Name.EndsWith("Event", StringComparison.Ordinal) && type.BaseType == family);

    private static IEnumerable<string> Violations(
        IReadOnlyCollection<Type> events, IReadOnlyCollection<EventFormat> formats)
    {
        foreach (var @event in events)
        {
            if (!@event.IsSealed)
                yield return $"{@event.FullName} is not sealed.";
            if (formats.Count(format => format.Event == @event && format.Write is not null) != 1)
                yield return $"{@event.FullName} does not have exactly one wire name.";
        }

        foreach (var format in formats.Where(format => !WireName().IsMatch(format.Name)))
            yield return $"{format.Name} does not have the form of a wire name.";
    }

    private static List<string> WithoutSnapshot(IEnumerable<string> names)
    {
        var snapshots = Solution.TestFiles("*.snap").Select(Path.GetFileNameWithoutExtension).ToList();
        return [.. names.Where(name => snapshots.Count(found => found!.EndsWith(name, StringComparison.Ordinal)) != 1)];
    }

    private static EventFormat Format(string name, Type @event) => new(name, @event, _ => [], (_, _) => new object());

    private abstract record Planted
    {
        public record Open : Planted;

        public sealed record Closed : Planted;
    }
}
