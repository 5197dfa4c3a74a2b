using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// The log's queries. Each walks along one index: it is written so that no other plan is good, whatever the
/// statistics say.
/// </summary>
internal sealed class LogReader(NpgsqlDataSource database)
{
    /// <summary>Events in a page of the whole log, at most.</summary>
    public const int PageSize = 1_000;

    /// <summary>A page of the whole log ends with the event that exceeds this many bytes of payload.</summary>
    private const int PageBytesMax = 4 * 1024 * 1024;

    /// <summary>Names of streams that are kept for pages of ends, some 200 bytes each. A name never changes.</summary>
    private const int NamesMax = 65_536;

    private readonly RecentlyUsed<long, string> _names = new(NamesMax);

    // octet_length of a large payload (TOAST) does not read the payload.
    internal string PageQuery { get; } =
        $"""
        SELECT e.position, e.revision, e.event_id, e.type, e.payload, e.metadata, s.name, e.revision >= s.truncated_before
        FROM (
            SELECT p.*, sum(octet_length(p.payload)) OVER (ORDER BY p.position ROWS UNBOUNDED PRECEDING) - octet_length(p.payload) AS before
            FROM (SELECT * FROM log_events WHERE position > $1 ORDER BY position LIMIT {PageSize}) AS p) AS e
        CROSS JOIN LATERAL (SELECT t.name, t.truncated_before FROM log_streams t WHERE t.key = e.stream_key OFFSET 0) AS s
        WHERE e.before < {PageBytesMax}
        ORDER BY e.position
        """;

    /// <summary>OFFSET 0 keeps the look-up of the names a walk along the key.</summary>
    internal string ChangesQuery { get; } =
        """
        SELECT s.name, c.first, c.last, c.types, c.position, c.events
        FROM (
            SELECT p.stream_key, min(p.revision) AS first, max(p.revision) AS last, array_agg(DISTINCT p.type) AS types,
                max(p.position) AS position, count(*) AS events
            FROM (
                SELECT position, stream_key, revision, type FROM log_events
                WHERE position > $1 ORDER BY position LIMIT $2) AS p
            GROUP BY p.stream_key) AS c
        CROSS JOIN LATERAL (SELECT t.name FROM log_streams t WHERE t.key = c.stream_key OFFSET 0) AS s
        """;

    /// <summary>
    /// One row, see <see cref="EndsPage"/>. Gathering by stream costs the database several times as much as reading.
    /// Metadata are too short to be stored apart (TOAST).
    /// </summary>
    internal string EndsQuery { get; } =
        $"""
        SELECT max(p.position), count(*), string_agg(p.part, ''::bytea)
        FROM (
            SELECT position, int8send(stream_key) || int8send(revision) || int4send(octet_length(metadata))
                || {EndOf("metadata")} AS part
            FROM log_events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) AS p
        """;

    /// <summary>As <see cref="ChangesQuery"/>.</summary>
    internal string NamesQuery { get; } =
        """
        SELECT k.key, s.name FROM unnest($1) AS k(key)
        CROSS JOIN LATERAL (SELECT t.name FROM log_streams t WHERE t.key = k.key OFFSET 0) AS s
        """;

    internal string EndsOfQuery { get; } =
        $"""
        SELECT r.ord, e.position, {EndOf("e.metadata")}
        FROM unnest($1, $2) WITH ORDINALITY AS r(name, revision, ord)
        CROSS JOIN LATERAL (
            SELECT t.key FROM log_streams t WHERE t.name = r.name AND t.truncated_before <= r.revision OFFSET 0) AS s
        CROSS JOIN LATERAL (
            SELECT l.position, l.metadata FROM log_events l
            WHERE l.stream_key = s.key AND l.revision = r.revision OFFSET 0) AS e
        """;

    internal string ForwardsQuery { get; } = StreamQuery(">=", "ASC");

    internal string BackwardsQuery { get; } = StreamQuery("<=", "DESC");

    /// <summary>The sizes are known without reading large payloads (TOAST).</summary>
    internal string StreamPageQuery { get; } =
        $"""
        SELECT e.position, e.revision, e.event_id, e.type, e.payload, e.metadata
        FROM (
            SELECT p.*, sum(octet_length(p.payload) + octet_length(p.metadata)) OVER (ORDER BY p.revision ROWS UNBOUNDED PRECEDING)
                - octet_length(p.payload) - octet_length(p.metadata) AS before
            FROM ({StreamQuery(">=", "ASC")}) AS p) AS e
        WHERE e.before < {IEventStore.PageBytes}
        ORDER BY e.revision
        """;

    /// <summary>A stream's events, without truncated ones.</summary>
    public Task<IReadOnlyList<StoredEvent>> StreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken) =>
        StreamAsync(
            direction == ReadDirection.Forwards ? ForwardsQuery : BackwardsQuery, stream, from, limit,
            cancellationToken);

    /// <summary>A stream's next events, bounded in bytes, too.</summary>
    public Task<IReadOnlyList<StoredEvent>> StreamPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken) =>
        StreamAsync(StreamPageQuery, stream, from, limit, cancellationToken);

    private async Task<IReadOnlyList<StoredEvent>> StreamAsync(
        string query, string stream, long from, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(query);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var events = new List<StoredEvent>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            events.Add(Read(reader, stream));
        return events;
    }

    /// <summary>The next page of the whole log.</summary>
    public async Task<LogPage> PageAsync(LogPosition after, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(PageQuery);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = (long)after.Value });
        var (events, last, count, bytes) = (new List<StoredEvent>(), after, 0, 0);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var stream = reader.GetString(6);
            var stored = Read(reader, stream);
            last = stored.Position;
            count++;
            bytes += stored.Payload.Length;
            if (reader.GetBoolean(7))
                events.Add(stored);
        }

        return new LogPage(events, last, IsFull: count == PageSize || bytes >= PageBytesMax);
    }

    /// <summary>The streams with events after a position.</summary>
    public async Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(ChangesQuery);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = (long)after.Value });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var (streams, through, count) = (new List<ChangedStream>(), (long)after.Value, 0L);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            streams.Add(new ChangedStream(
                reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetFieldValue<string[]>(3)));
            through = Math.Max(through, reader.GetInt64(4));
            count += reader.GetInt64(5);
        }

        return new LogChanges(streams, new LogPosition((ulong)through), IsFull: count >= limit);
    }

    /// <summary>The ends of the metadata of the events between two positions.</summary>
    public async Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(EndsQuery);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = (long)after.Value });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = (long)through.Value });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var (last, count, parts) = (after, 0L, Array.Empty<byte>());
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (await reader.ReadAsync(cancellationToken) && !reader.IsDBNull(0))
            {
                (last, count) = (new LogPosition((ulong)reader.GetInt64(0)), reader.GetInt64(1));
                parts = reader.GetFieldValue<byte[]>(2);
            }
        }

        var page = new EndsPage(parts);
        var names = await NamesAsync(page.Keys, cancellationToken);
        return new LogEnds([.. names.Select(name => page.Of(name.Key, name.Name))], last, IsFull: count >= limit);
    }

    private async Task<List<(long Key, string Name)>> NamesAsync(
        IReadOnlyCollection<long> keys, CancellationToken cancellationToken)
    {
        var (names, missing) = (new List<(long Key, string Name)>(keys.Count), new List<long>());
        foreach (var key in keys)
        {
            if (_names.TryGet(key, out var name))
                names.Add((key, name));
            else
                missing.Add(key);
        }

        if (missing.Count == 0)
            return names;
        await using var command = database.CreateCommand(NamesQuery);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. missing] });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var (key, name) = (reader.GetInt64(0), reader.GetString(1));
            _names.Set(key, name);
            names.Add((key, name));
        }

        return names.Count == keys.Count
            ? names
            : throw new InvalidDataException("The log has events of streams without a name.");
    }

    /// <summary>The ends of the metadata of single events.</summary>
    public async Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(EndsOfQuery);
        command.Parameters.Add(
            new NpgsqlParameter<string[]> { TypedValue = [.. events.Select(place => place.Stream)] });
        command.Parameters.Add(
            new NpgsqlParameter<long[]> { TypedValue = [.. events.Select(place => place.Revision)] });
        var ends = new EventEnd?[events.Count];
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            ends[reader.GetInt64(0) - 1] = new EventEnd(
                new LogPosition((ulong)reader.GetInt64(1)), reader.GetFieldValue<byte[]>(2));
        }

        return ends;
    }

    public async Task<LogPosition> HeadAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT max(position) FROM log_events");
        return new LogPosition((ulong)(await command.ExecuteScalarAsync(cancellationToken) as long? ?? 0));
    }

    private static string EndOf(string metadata) =>
        $"substr({metadata}, greatest(1, octet_length({metadata}) - {EventEnd.SizeMax - 1}))";

    private static string StreamQuery(string comparison, string order) =>
        $"""
        SELECT e.position, e.revision, e.event_id, e.type, e.payload, e.metadata
        FROM log_events e
        WHERE e.stream_key = (SELECT key FROM log_streams WHERE name = $1)
          AND e.revision >= (SELECT truncated_before FROM log_streams WHERE name = $1)
          AND e.revision {comparison} $2
        ORDER BY e.revision {order} LIMIT $3
        """;

    private static StoredEvent Read(NpgsqlDataReader reader, string stream) => new(
        stream, reader.GetInt64(1), new LogPosition((ulong)reader.GetInt64(0)), reader.GetGuid(2), reader.GetString(3),
        reader.GetFieldValue<byte[]>(4), reader.GetFieldValue<byte[]>(5));
}

/// <summary>A page of the log.</summary>
/// <param name="Events">Without truncated ones; may be empty.</param>
/// <param name="Last">The position of the page's last event, truncated or not.</param>
/// <param name="IsFull">Whether the next page can be read at once.</param>
internal readonly record struct LogPage(IReadOnlyList<StoredEvent> Events, LogPosition Last, bool IsFull);
