using System.Globalization;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Writes the files of one conversation in one pass over its stream: the events as they are, and what they say in three
/// readable forms. Holds a page of events, and a part of the short messages.
/// </summary>
internal sealed class ConversationExport(
    IEventStore log, IEventCodec codec, IExportEvidence evidence, ReadableEvents readable, ProfileReader profiles)
{
    public const string EventsFile = "events.ndjson";

    private const int PageSize = 500;

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
        await using var events = new EventLines(Path.Combine(folder, EventsFile));
        await using var timeline = new TimelineCsv(Path.Combine(folder, "timeline.csv"));
        await using var report = new ReportHtml(Path.Combine(folder, "report.html"), export, conversation);
        var checkpoint = await evidence.NewestAsync(cancellationToken)
            ?? throw new StoreUnavailableException("The log of heads has no checkpoint yet.");
        await using var heads = new HeadLines(evidence, StreamName.Of(conversation), checkpoint, folder);
        var messages = new ShortMessages(folder, conversation);
        var names = new Dictionary<Guid, string?>();
        (long Seq, string Hash)? start = null;
        var count = 0L;
        for (long next = 0; ;)
        {
            var page = await log.ReadStreamAsync(
                StreamName.Of(conversation), next, ReadDirection.Forwards, PageSize, cancellationToken);
            if (page.Count == 0)
                break;
            next = page[^1].Revision + 1;
            var shown = page.Select(stored => (Stored: stored, Fact: codec.Decode(stored)))
                .Where(each => !(each.Fact.At < export.From) && !(each.Fact.At > export.To)).ToList();
            if (matter is { Content: true })
                await LearnAsync(names, shown.Select(each => each.Fact), cancellationToken);
            foreach (var (stored, fact) in shown)
            {
                start ??= (stored.Revision, PreviousOf(stored));
                events.Write(stored, fact.At);
                await heads.PassAsync(stored, cancellationToken);
                var line = await readable.OfAsync(conversation, fact, matter, names, cancellationToken);
                timeline.Write(line);
                report.Write(line);
                messages.Write(line);
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
        Dictionary<Guid, string?> names, IEnumerable<Recorded> facts, CancellationToken cancellationToken)
    {
        if (names.Count > NamesMax)
            names.Clear();
        List<UserId> unknown =
        [
            .. facts.SelectMany(ReadableEvents.PeopleOf).Distinct().Where(user => !names.ContainsKey(user.Value)),
        ];
        foreach (var (user, name) in await profiles.NamesAsync(unknown, cancellationToken))
            names[user.Value] = name;
    }

    private static string PreviousOf(StoredEvent stored)
    {
        using var metadata = JsonDocument.Parse(stored.Metadata);
        return metadata.RootElement.GetProperty("prev_hash").GetString()!;
    }
}
