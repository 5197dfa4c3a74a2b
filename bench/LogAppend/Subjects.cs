using System.Text;
using ChatCqrs.Application.Ports;
using JasperFx.Events;
using Marten;

namespace ChatCqrs.LogAppend;

/// <summary>The product's log.</summary>
internal sealed class LogSubject(BenchDatabase database) : ISubject
{
    private readonly Application.Ports.IEventStore _store = database.Get<Application.Ports.IEventStore>();

    public int Postmaster => database.Postmaster;

    public string Name => "log_append";

    public async Task AppendAsync(IReadOnlyList<StreamAppend> batch)
    {
        foreach (var outcome in await _store.AppendAsync(batch, CancellationToken.None))
        {
            if (outcome is not AppendOutcome.Appended)
                throw new InvalidOperationException("An append failed, although there is one writer.");
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The same events in Marten's own tables, appended as its documentation advises for speed.</summary>
internal sealed class MartenSubject : ISubject
{
    private readonly DocumentStore _store;

    public MartenSubject(BenchDatabase database)
    {
        Postmaster = database.Postmaster;
        _store = DocumentStore.For(options =>
        {
            options.Connection(database.Connection.ConnectionString);
            options.DatabaseSchemaName = "quick";
            options.AutoCreateSchemaObjects = JasperFx.AutoCreate.All;
            options.Events.StreamIdentity = StreamIdentity.AsString;
            options.Events.AppendMode = EventAppendMode.Quick;
            options.UseSystemTextJsonForSerialization();
            options.Events.AddEventType<Message>();
            options.DisableNpgsqlLogging = true;
        });
        _store.Storage.ApplyAllConfiguredChangesToDatabaseAsync().GetAwaiter().GetResult();
    }

    public int Postmaster { get; }

    public string Name => "Marten, quick append";

    public async Task AppendAsync(IReadOnlyList<StreamAppend> batch)
    {
        await using var session = _store.LightweightSession();
        foreach (var append in batch)
        {
            object[] events = [.. append.Events.Select(e => new Message(Encoding.UTF8.GetString(e.Payload.Span)))];
            session.Events.Append(append.Stream, events);
        }

        await session.SaveChangesAsync();
    }

    public ValueTask DisposeAsync()
    {
        _store.Dispose();
        return ValueTask.CompletedTask;
    }

    internal sealed record Message(string Payload);
}
