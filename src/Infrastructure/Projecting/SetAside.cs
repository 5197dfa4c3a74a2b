using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projections;
using Marten;
using Npgsql;
using NpgsqlTypes;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The streams whose views end before an event that could not be read or folded. From that event on, a model leaves the
/// stream out, so its views stay those of a prefix of the stream; all other streams go on. A rebuild of the model begins
/// without any, and replaces those of the old tables (docs/adr/0019).
/// </summary>
/// <remarks>Not thread-safe: the live ones are used while <see cref="Rebuilder"/>'s gate is held.</remarks>
internal sealed class SetAside(int streamsMax = SetAside.StreamsMax)
{
    /// <summary>
    /// Streams that a model leaves out, at most. Beyond it the fault is not an event's, but the version's, and the
    /// runner stops.
    /// </summary>
    public const int StreamsMax = 10_000;

    public const string Table = "set_aside";

    /// <summary>Characters of a reason that are kept.</summary>
    private const int ReasonMax = 500;

    private readonly Dictionary<string, Dictionary<string, SetAsideEvent>> _models = ReadModelFactory.Names
        .ToDictionary(name => name, _ => new Dictionary<string, SetAsideEvent>(StringComparer.Ordinal));

    private readonly List<(string Model, SetAsideEvent Event)> _unsaved = [];

    /// <summary>
    /// The build of the program that reads and folds. Another one may be able to do what this one cannot.
    /// </summary>
    public static string Version { get; } = string.Join(
        '-', new[] { typeof(SetAside), typeof(Recorded), typeof(IProjection<,>) }
            .Select(type => type.Assembly.ManifestModule.ModuleVersionId.ToString("N")[..12]));

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.{Table}");
        table.AddColumn("model", "text").AsPrimaryKey();
        table.AddColumn("stream", "text").AsPrimaryKey();
        table.AddColumn("revision", "bigint").NotNull(); // Of the event; the views hold the stream before it.
        table.AddColumn("position", "numeric(20,0)").NotNull();
        table.AddColumn("event_id", "uuid").NotNull();
        table.AddColumn("type", "text").NotNull();
        table.AddColumn("reason", "text").NotNull();
        table.AddColumn("since", "timestamptz").NotNull();
        table.AddColumn("version", "text").NotNull(); // The build that could not read or fold the event.
        table.AddColumn("conversation_id", "uuid"); // Null for streams that are not a conversation's.
        options.Storage.ExtendedSchemaObjects.Add(table);
    }

    /// <summary>
    /// What earlier leaders have set aside. Where another build did so, rebuilds are asked for: this one may read and
    /// fold the events.
    /// </summary>
    public static async Task<SetAside> TakeUpAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using (var ask = database.CreateCommand(
            $"""
            INSERT INTO checkpoints (name, position, lag_seconds, updated_at)
            SELECT DISTINCT $2 || model, 0, 0, now() FROM {Table} WHERE version <> $1 AND model = ANY ($3)
            ON CONFLICT (name) DO NOTHING
            """))
        {
            ask.Parameters.Add(new() { Value = Version });
            ask.Parameters.Add(new() { Value = Checkpoint.RebuildOf("") });
            ask.Parameters.Add(new() { Value = ReadModelFactory.Names.ToArray() });
            await ask.ExecuteNonQueryAsync(cancellationToken);
        }

        var taken = new SetAside();
        await using var list = database.CreateCommand(
            $"SELECT model, stream, revision, position, event_id, type, reason FROM {Table}");
        await using var row = await list.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var (model, stream) = (row.GetString(0), row.GetString(1));
            if (taken._models.TryGetValue(model, out var streams)) // A later version may have more models.
            {
                streams[stream] = new SetAsideEvent(
                    stream, row.GetInt64(2), new LogPosition((ulong)row.GetDecimal(3)), row.GetGuid(4),
                    row.GetString(5), row.GetString(6));
            }
        }

        return taken;
    }

    /// <summary>Whether a failure is due to the event that was folded, so that trying it again is in vain.</summary>
    /// <remarks>
    /// An error that a database has in another state, or a store that is away, says nothing about the event.
    /// </remarks>
    public static bool IsOfEvent(Exception failure) => failure switch
    {
        PostgresException postgres => postgres.SqlState[..2] is "22" or "23" or "54", // Data, constraints, limits.
        NpgsqlException or ReactionFailedException or OutOfMemoryException or OperationCanceledException => false,
        _ when PostgresErrors.IsUnavailable(failure) => false,
        Application.Ports.StoreUnavailableException => false,
        { InnerException: { } inner } => IsOfEvent(inner),
        _ => true,
    };

    /// <summary>Whether a model leaves an event out.</summary>
    public bool Holds(string model, Recorded fact) =>
        _models[model].TryGetValue(fact.Stream, out var first) && fact.Revision >= first.Revision;

    /// <summary>Sets the events of a run aside that could not be read.</summary>
    /// <exception cref="SetAsideFullException">There are too many.</exception>
    public void Take(IReadOnlyList<Recorded> facts)
    {
        foreach (var fact in facts)
        {
            if (fact.Event is UnreadableEvent unreadable)
                Add(fact, unreadable.Reason);
        }
    }

    /// <summary>Sets an event aside in all models, and what follows it in its stream.</summary>
    /// <exception cref="SetAsideFullException">There are too many.</exception>
    public void Add(Recorded fact, string reason)
    {
        var type = fact.Event is UnreadableEvent { Type: var name }
            ? name
            : EventRegistry.Of(fact.Event.GetType()).Name;
        var aside = new SetAsideEvent(
            fact.Stream, fact.Revision, fact.Position, fact.EventId, Text(type), Text(reason));
        foreach (var (model, streams) in _models)
        {
            if (Holds(model, fact))
                continue;
            if (streams.Count >= streamsMax && !streams.ContainsKey(fact.Stream))
                throw new SetAsideFullException(aside);
            streams[fact.Stream] = aside;
            _unsaved.Add((model, aside));
        }
    }

    /// <summary>The events of a run that a model folds.</summary>
    public IReadOnlyList<Recorded> FoldedBy(string model, IReadOnlyList<Recorded> facts) =>
        _models[model].Count == 0 ? facts : [.. facts.Where(fact => !Holds(model, fact))];

    /// <summary>The events of a run that every model folds.</summary>
    public IReadOnlyList<Recorded> FoldedByAll(IReadOnlyList<Recorded> facts) =>
        _models.Values.All(streams => streams.Count == 0)
            ? facts
            : [.. facts.Where(fact => !_models.Keys.Any(model => Holds(model, fact)))];

    /// <summary>Writes what is new, in the transaction that moves the checkpoint past it.</summary>
    /// <returns>The events, once each.</returns>
    public async Task<IReadOnlyList<SetAsideEvent>> SaveAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_unsaved.Count == 0)
            return [];
        await InsertAsync(connection, _unsaved, cancellationToken);
        return [.. _unsaved.Select(row => row.Event).Distinct()];
    }

    /// <summary>The transaction of <see cref="SaveAsync"/> has committed.</summary>
    public void Saved() => _unsaved.Clear();

    /// <summary>Replaces the rows of a model by those of its rebuild, in the transaction of the switch.</summary>
    public async Task ReplaceAsync(NpgsqlConnection connection, string model, CancellationToken cancellationToken)
    {
        await using (var delete = new NpgsqlCommand($"DELETE FROM {Table} WHERE model = $1", connection))
        {
            delete.Parameters.Add(new() { Value = model });
            await delete.ExecuteNonQueryAsync(cancellationToken);
        }

        await InsertAsync(
            connection, [.. _models[model].Values.Select(aside => (model, aside))], cancellationToken);
    }

    /// <summary>From now on a model leaves out what its rebuild left out.</summary>
    public void Replace(string model, SetAside rebuilt)
    {
        _models[model] = rebuilt._models[model];
        _unsaved.RemoveAll(row => row.Model == model);
    }

    private static async Task InsertAsync(
        NpgsqlConnection connection, IReadOnlyList<(string Model, SetAsideEvent Event)> rows,
        CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
            return;
        await using var command = new NpgsqlCommand(
            $"""
            INSERT INTO {Table} AS a (
                model, stream, revision, position, event_id, type, reason, since, version, conversation_id)
            SELECT model, stream, revision, position, event_id, type, reason, now(), $1, conversation_id
            FROM unnest($2, $3, $4, $5, $6, $7, $8, $9)
                AS row (model, stream, revision, position, event_id, type, reason, conversation_id)
            ON CONFLICT (model, stream) DO UPDATE SET
                revision = excluded.revision, position = excluded.position, event_id = excluded.event_id,
                type = excluded.type, reason = excluded.reason, version = excluded.version
            """,
            connection);
        command.Parameters.Add(new() { Value = Version });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Model).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Event.Stream).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Event.Revision).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => (decimal)row.Event.Position.Value).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Event.EventId).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Event.Type).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Event.Reason).ToArray() });
        command.Parameters.Add(new()
        {
            Value = rows.Select(row => row.Event.ConversationId).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid,
        });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Text as PostgreSQL takes it: without the character 0, and not too long.</summary>
    private static string Text(string text)
    {
        var clean = text.Replace('\0', ' ');
        return clean.Length <= ReasonMax ? clean : clean[..ReasonMax];
    }
}

/// <summary>An event that is set aside.</summary>
/// <param name="Type">Its wire name.</param>
/// <param name="Reason">Why it could not be read or folded, for operators.</param>
internal sealed record SetAsideEvent(
    string Stream, long Revision, LogPosition Position, Guid EventId, string Type, string Reason)
{
    /// <summary>Null for streams that are not a conversation's, and for names without an id.</summary>
    public Guid? ConversationId =>
        (Stream.StartsWith(StreamName.ConversationPrefix, StringComparison.Ordinal)
            || Stream.StartsWith(StreamName.ReceiptsPrefix, StringComparison.Ordinal))
        && Guid.TryParse(Stream.AsSpan(Stream.IndexOf('-', StringComparison.Ordinal) + 1), out var id)
            ? id
            : null;
}

/// <summary>Stands in a run for an event that the codec cannot read.</summary>
/// <param name="Type">The event's wire name.</param>
internal sealed record UnreadableEvent(string Type, string Reason);

/// <summary>More events would be set aside than <see cref="SetAside.StreamsMax"/> allows.</summary>
internal sealed class SetAsideFullException(SetAsideEvent next) : Exception(
    $"Too many streams are set aside. The next is {next.Stream}, because of the event {next.EventId} ({next.Type}) "
    + $"at {next.Position}: {next.Reason}");
