using System.Globalization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Writes the files of one conversation in one pass over its stream: the events as they are, and what they say in three
/// readable forms. Holds three pages of events, and a part of the short messages.
/// </summary>
internal sealed class ConversationExport(
    AuditedLog log, IExportEvidence evidence, ReadableEvents readable, ProfileReader profiles,
    ConversationsAtMoments conversations)
{
    public const string EventsFile = "events.ndjson";

    /// <summary>Names of users that are remembered; beyond that they are asked for again.</summary>
    private const int NamesMax = 10_000;

    /// <param name="matter">Within which content is opened; null to open none.</param>
    /// <param name="folder">Where the files go.</param>
    /// <param name="progress">Told of events that were read.</param>
    /// <returns>The events that were written.</returns>
    /// <exception cref="StoreUnavailableException">
    /// A store cannot be reached, or none of the events is in the log of heads yet.
    /// </exception>
    public async Task<long> WriteAsync(
        AuditExport export, ConversationId conversation, OpenedMatter? matter, string folder,
        Func<long, CancellationToken, Task> progress, CancellationToken cancellationToken)
    {
        var stream = StreamName.Of(conversation);
        var names = new Dictionary<Guid, string?>();
        await using var events = new EventLines(Path.Combine(folder, EventsFile));
        await using var timeline = new TimelineCsv(Path.Combine(folder, "timeline.csv"));
        await using var report = new ReportHtml(Path.Combine(folder, "report.html"), export, conversation);
        var checkpoint = await evidence.NewestAsync(cancellationToken)
            ?? throw new StoreUnavailableException("The log of heads has no checkpoint yet.");
        await using var heads = new HeadLines(evidence, stream, checkpoint, folder);
        var messages = new ShortMessages(folder, export, conversation, names);
        (long Seq, string? Hash)? start = null;
        var (count, at, isFirst) = (0L, DateTimeOffset.MinValue, true);
        var last = await log.LastRevisionAsync(stream, cancellationToken);
        await foreach (var page in log.DecodedPagesAsync(stream, 0, last, cancellationToken))
        {
            if (isFirst && page[0].Stored.Revision is > 0 and var cut) // The log has lost who the members were.
            {
                var before = (await conversations.AtAsync(conversation, cut - 1, cancellationToken)).State;
                messages.Begin(before.Kind, before.MemberIds);
            }

            isFirst = false;
            if (matter is { Content: true })
                await LearnAsync(names, page.Select(each => each.Fact), messages.Members, cancellationToken);
            foreach (var (stored, fact) in page)
            {
                at = fact?.At ?? at;
                if (at < export.From || at > export.To)
                {
                    messages.PassOver(fact);
                    continue;
                }

                start ??= (stored.Revision, AuditedEvent.Of(stored).PrevHash);
                events.Write(stored);
                await heads.PassAsync(stored, cancellationToken);
                var line = fact is null
                    ? ReadableEvents.Unreadable(stored.Revision, at)
                    : await readable.OfAsync(conversation, fact, matter, names, cancellationToken);
                timeline.Write(line);
                report.Write(line);
                messages.Write(line, fact);
                count++;
            }

            await progress(page.Count, cancellationToken);
        }

        if (count > 0)
            await heads.EndAsync(cancellationToken);
        report.End(count);
        messages.End();
        var (seq, hash) = start ?? (0, Convert.ToBase64String(IEventCodec.FirstLink.Span));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "start"), string.Create(CultureInfo.InvariantCulture, $"{seq} {hash}\n"),
            cancellationToken);
        return count;
    }

    private async Task LearnAsync(
        Dictionary<Guid, string?> names, IEnumerable<Recorded?> facts, IEnumerable<UserId> members,
        CancellationToken cancellationToken)
    {
        if (names.Count > NamesMax)
            names.Clear();
        List<UserId> unknown =
        [
            .. facts.OfType<Recorded>().SelectMany(ReadableEvents.PeopleOf).Concat(members).Distinct()
                .Where(user => !names.ContainsKey(user.Value)),
        ];
        foreach (var (user, name) in await profiles.NamesAsync(unknown, cancellationToken))
            names[user.Value] = name;
    }
}
