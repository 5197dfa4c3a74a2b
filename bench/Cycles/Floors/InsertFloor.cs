using System.Security.Cryptography;
using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Measuring;
using ChatCqrs.Bench.Systems;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Bench.Floors;

internal sealed record InsertFigures(double EventsPerSecond, double MicrosecondsAnEvent);

/// <summary>
/// The least that PostgreSQL needs to store events: batches of rows into one table with one unique index, durable at
/// each commit, without checks or computation. A message is two events: itself and its receipt.
/// </summary>
internal static class InsertFloor
{
    private const int EventsABatch = 200, Writers = 2, PayloadBytes = 500, MetadataBytes = 250;

    private const string Create = """
        drop table if exists floor_events;
        create table floor_events (
            position bigint generated always as identity, stream uuid not null, revision bigint not null, event_id uuid not null,
            type text not null, occurred_at timestamptz not null default now(), metadata bytea not null, payload bytea not null,
            primary key (stream, revision))
        """;

    private const string Insert = """
        insert into floor_events (stream, revision, event_id, type, metadata, payload)
        select * from unnest($1, $2, $3, $4, $5, $6)
        """;

    public static async Task<InsertFigures> MeasureAsync(string postgres, TimeSpan warmUp, TimeSpan span)
    {
        await using var source = NpgsqlDataSource.Create(postgres);
        await using (var create = source.CreateCommand(Create))
        {
            await create.ExecuteNonQueryAsync();
        }

        var firstProcess = await PostgresServer.FirstProcessAsync(postgres);
        using var stop = new CancellationTokenSource();
        long written = 0;
        var writers = Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                Interlocked.Add(ref written, await WriteAsync(source));
            }
        })).ToArray();

        await Task.Delay(warmUp);
        var (start, before, cpu) = (Clock.Now, Interlocked.Read(ref written), CpuSample.Take(0, firstProcess, 0));
        await Task.Delay(span);
        var (events, spent) = (Interlocked.Read(ref written) - before, CpuSample.Take(0, firstProcess, 0) - cpu);
        var seconds = Clock.Span(Clock.Now - start).TotalSeconds;
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        await using var drop = source.CreateCommand("drop table floor_events");
        await drop.ExecuteNonQueryAsync();
        return new InsertFigures(events / seconds, (spent.Postgres + spent.Generator).TotalMicroseconds / events);
    }

    private static async Task<int> WriteAsync(NpgsqlDataSource source)
    {
        await using var insert = source.CreateCommand(Insert);
        var rows = Enumerable.Range(0, EventsABatch).ToArray();
        Add(insert, rows.Select(_ => Guid.CreateVersion7()).ToArray(), NpgsqlDbType.Uuid);
        Add(insert, rows.Select(i => (long)i).ToArray(), NpgsqlDbType.Bigint);
        Add(insert, rows.Select(_ => Guid.CreateVersion7()).ToArray(), NpgsqlDbType.Uuid);
        Add(
            insert,
            rows.Select(i => i % 2 == 0 ? "message-sent.v1" : "message-delivered.v1").ToArray(),
            NpgsqlDbType.Text);
        Add(insert, rows.Select(_ => RandomNumberGenerator.GetBytes(MetadataBytes)).ToArray(), NpgsqlDbType.Bytea);
        Add(insert, rows.Select(_ => RandomNumberGenerator.GetBytes(PayloadBytes)).ToArray(), NpgsqlDbType.Bytea);
        return await insert.ExecuteNonQueryAsync();
    }

    private static void Add<T>(NpgsqlCommand command, T[] values, NpgsqlDbType type) =>
        command.Parameters.Add(
            new NpgsqlParameter<T[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type });
}
