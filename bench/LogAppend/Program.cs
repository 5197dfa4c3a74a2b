using ChatCqrs.Application.Ports;
using ChatCqrs.LogAppend;
using Npgsql;

// Measures the cost of appending an event, client and PostgreSQL together: see docs/adr/0001-log-in-own-tables.md.
var connection = args.Length > 0 ? args[0] : Environment.GetEnvironmentVariable("CHATCQRS_TEST_POSTGRES");
if (connection is null)
{
    await Console.Error.WriteLineAsync(
        "usage: dotnet run -c Release --project bench/LogAppend -- postgresql://USER@HOST:PORT/DATABASE [events]\n"
        + "   or: ... DATABASE heads [HEADS [EVENTS]]");
    return 2;
}

if (args is [_, "heads", ..])
{
    // The cost of batches of heads: see docs/performance.md.
    var heads = args.Length > 2 ? int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) : 100_000;
    var each = args.Length > 3 ? int.Parse(args[3], System.Globalization.CultureInfo.InvariantCulture) : 3;
    await using (var audited = await BenchDatabase.CreateAsync(connection))
        await BatchCosts.PrintAsync(audited, heads, each);
    return 0;
}

var events = args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 30_000;
await using var database = await BenchDatabase.CreateAsync(connection);
await CryptoCosts.PrintAsync(database.Get<IContentSealer>());
Console.WriteLine();
Console.WriteLine("| append | events a call | streams | events/s | client us/event | PostgreSQL us/event | sum |");
Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
foreach (var (size, streams) in new[] { (100, 100), (300, 100), (1_000, 100), (1_000, 1_000), (1, 1) })
{
    await using var log = new LogSubject(database);
    await Measure.RunAsync(log, size, streams, size == 1 ? events / 20 : events);
}

foreach (var (size, streams) in new[] { (100, 100), (300, 100), (1_000, 100) })
{
    await using var marten = new MartenSubject(database);
    await Measure.RunAsync(marten, size, streams, events / 2);
}

Console.WriteLine();
await ReadCosts.PrintAsync(database);
NpgsqlConnection.ClearAllPools();
return 0;
