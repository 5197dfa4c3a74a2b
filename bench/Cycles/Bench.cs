using ChatCqrs.Bench.Floors;
using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Parts;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench;

internal sealed record FloorFigures(LoadFigures? Load, InsertFigures? Inserts, IReadOnlyList<IdleFigure> Idle);

internal sealed record ProductFigures(
    LoadFigures? Saturation, LoadFigures? Latency, IReadOnlyList<IdleFigure> Idle,
    MediaFigures? Media = null, SweepFigures? Sweep = null, FanOutFigures? FanOut = null, SdkFigures? Sdk = null);

/// <summary>
/// A whole run: starts servers in a folder of its own, measures part after part, and removes the folder.
/// </summary>
internal sealed class Bench(BenchOptions options, string folder)
{
    private const int LogLines = 20;

    private static readonly TimeSpan InsertsMost = TimeSpan.FromSeconds(10);

    /// <returns>The exit code: 1 when the server broke a promise or refused a message.</returns>
    public static async Task<int> RunAsync(BenchOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("chatcqrs-bench-").FullName;
        try
        {
            var bench = new Bench(options, folder);
            var floors = options.Has("floors") ? await bench.FloorsAsync() : new FloorFigures(null, null, []);
            var (product, inserts) = await bench.ProductAsync();
            product = product with
            {
                Sweep = options.Has("sweep") ? await bench.SweepAsync() : null,
                Sdk = options.Has("sdk") ? await bench.SdkAsync() : null,
            };
            Console.WriteLine();
            Console.Write(Summary.Of(options, product, floors with { Inserts = inserts }));
            var complaints = Complaints("floor", floors.Load) + Complaints("saturation", product.Saturation)
                + Complaints("latency", product.Latency) + Complaints("sweep", product.Sweep?.Swept)
                + Complaints("the group", product.FanOut?.Group)
                + Complaints("beside the group", product.FanOut?.Meanwhile);
            return complaints > 0 ? 1 : 0;
        }
        catch (InvalidOperationException)
        {
            await PrintLogsAsync(folder);
            throw;
        }
        finally
        {
            Remove(folder);
        }
    }

    private static async Task PrintLogsAsync(string folder)
    {
        foreach (var log in Directory.GetFiles(folder, "*.log").Where(file => Path.GetFileName(file) != "build.log"))
        {
            await Console.Error.WriteLineAsync($"\n{Path.GetFileName(log)} ends with:");
            foreach (var line in (await File.ReadAllLinesAsync(log)).TakeLast(LogLines))
            {
                await Console.Error.WriteLineAsync("  " + line);
            }
        }
    }

    /// <summary>Also removes PostgreSQL's files where ./run put them elsewhere: postgres.location names them.</summary>
    private static void Remove(string folder)
    {
        var location = Path.Combine(folder, "postgres.location");
        if (File.Exists(location) && File.ReadAllText(location).Trim() is var data && Directory.Exists(data))
        {
            Directory.Delete(data, recursive: true);
        }

        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<FloorFigures> FloorsAsync()
    {
        LoadFigures load;
        await using (var server = await ServerUnderTest.FloorAsync(folder))
        {
            load = await SayingAsync(
                "bare Kestrel at saturation", () => LoadPart.RunAsync(server, options, rate: null));
        }

        await using var fresh = await ServerUnderTest.FloorAsync(folder);
        var idle = await SayingAsync("bare Kestrel idle", async () =>
            await IdlePart.RunAsync(fresh, options, await IdlePart.RegisterAsync(fresh, options)));
        return new FloorFigures(load, null, idle);
    }

    private async Task<(ProductFigures Product, InsertFigures? Inserts)> ProductAsync()
    {
        if (!options.Has("latency", "saturation", "idle", "media", "fanout", "floors"))
        {
            return (new ProductFigures(null, null, []), null);
        }

        if (!options.Has("latency", "saturation", "idle", "media", "fanout") && options.Postgres is { } given)
        {
            return (new ProductFigures(null, null, []), await InsertsAsync(PostgresServer.ConnectionOf(given)));
        }

        var (figures, inserts, accounts) = await ProductUnderLoadAsync();
        if (accounts is null)
        {
            return (figures, inserts);
        }

        // Restarted, so that garbage of the registrations does not count as memory of the sockets.
        await using var fresh = await SayingAsync(
            "the product starts again", () => ServerUnderTest.ProductAsync(options, folder));
        var idle = await SayingAsync("idle sockets", () => IdlePart.RunAsync(fresh, options, accounts));
        return (figures with { Idle = idle }, inserts);
    }

    /// <summary>Runs all parts but the idle sockets; registers the accounts for those, if they are a part.</summary>
    private async Task<(ProductFigures Figures, InsertFigures? Inserts, Account[]? Accounts)> ProductUnderLoadAsync()
    {
        await using var server = await SayingAsync(
            "the product starts", () => ServerUnderTest.ProductAsync(options, folder));

        // Before saturation: PostgreSQL vacuums and the disk writes for a minute after it.
        var latency = await PartAsync("latency", $"{options.Rate} messages a second", () =>
            LoadPart.RunAsync(server, options, options.Rate));
        var saturation = await PartAsync("saturation", "saturation", () =>
            LoadPart.RunAsync(server, options, rate: null));
        var fanOut = await PartAsync("fanout", $"a group of {options.Members}", () =>
            FanOutPart.RunAsync(server, options));
        var media = await PartAsync("media", "a large file", () => MediaPart.RunAsync(server, options));
        var accounts = await PartAsync("idle", $"registering {options.Sockets[^1]} people", () =>
            IdlePart.RegisterAsync(server, options));
        var inserts = options.Has("floors") && server.Postgres is { } postgres ? await InsertsAsync(postgres) : null;
        return (new ProductFigures(saturation, latency, [], media, FanOut: fanOut), inserts, accounts);
    }

    /// <summary>Restarts the product, so that its memory is that of the sweep alone.</summary>
    private async Task<SweepFigures> SweepAsync()
    {
        await using var server = await SayingAsync(
            "the product starts", () => ServerUnderTest.ProductAsync(options, folder, SweepPart.Settings));
        return await SayingAsync($"a sweep of {options.Due} messages", () => SweepPart.RunAsync(server, options));
    }

    private async Task<SdkFigures> SdkAsync()
    {
        await using var server = await SayingAsync(
            "the product starts", () => ServerUnderTest.ProductAsync(options, folder));
        return await SayingAsync(
            $"{options.Clients} clients of the C# SDK", () => SdkPart.RunAsync(server, options, folder));
    }

    private Task<InsertFigures> InsertsAsync(string postgres)
    {
        static TimeSpan AtMost(TimeSpan span) => span < InsertsMost ? span : InsertsMost;
        return SayingAsync("plain batched inserts", () =>
            InsertFloor.MeasureAsync(postgres, AtMost(options.WarmUp), AtMost(options.Span)));
    }

    /// <summary>Runs a part if the options name it; otherwise null.</summary>
    private async Task<T?> PartAsync<T>(string part, string what, Func<Task<T>> measure)
        where T : class => options.Has(part) ? await SayingAsync(what, measure) : null;

    private static async Task<T> SayingAsync<T>(string what, Func<Task<T>> part)
    {
        var start = Clock.Now;
        await Console.Error.WriteAsync($"{what} ... ");
        var result = await part();
        await Console.Error.WriteLineAsync($"{Clock.Span(Clock.Now - start).TotalSeconds:0.0} s");
        return result;
    }

    private static long Complaints(string part, LoadFigures? figures) => Complaints(part, figures?.Statistics);

    private static long Complaints(string part, LoadStatistics? statistics)
    {
        if (statistics is not { } seen || seen.Violations + seen.Refusals == 0)
        {
            return 0;
        }

        Console.WriteLine($"\n{part}: {seen.Violations} broken promises, {seen.Refusals} refusals, for example:");
        foreach (var example in seen.Examples)
        {
            Console.WriteLine("  " + example);
        }

        return seen.Violations + seen.Refusals;
    }
}
