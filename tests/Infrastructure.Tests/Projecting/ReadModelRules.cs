using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// What every read model must have, so that a new one forgets nothing. What each table says of itself the compiler asks
/// for.
/// </summary>
public sealed class ReadModelRules : ProjectingTest
{
    private static readonly IReadOnlyList<ReadModelTable> Tables = [.. ReadModelFactory.CreateAll().SelectMany(model => model.Tables)];

    [Fact]
    public void Every_read_model_is_registered()
    {
        var written = typeof(IReadModel).Assembly.GetTypes().Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IReadModel)));
        Assert.Equal(Names(written), Names(ReadModelFactory.CreateAll().Select(model => model.GetType())));

        static IEnumerable<string> Names(IEnumerable<Type> types) => types.Select(type => type.Name).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void Names_of_models_and_tables_are_unique_and_fit_for_SQL()
    {
        Assert.Distinct(ReadModelFactory.Names);
        Assert.Distinct(Tables.Select(table => table.Name));
        Assert.All(ReadModelFactory.Names.Concat(Tables.Select(table => table.Name)), name => Assert.Matches("^[a-z_]+$", name));
    }

    [Fact]
    public void Every_table_says_why_rows_stay_and_are_not_exported() => Assert.All(Tables, table =>
    {
        Assert.True(table.OnErasure.DeletesBy is not null || table.OnErasure.Reason?.Length > 10, $"{table.Name}: why do rows of an erased user stay?");
        Assert.True(table.InExport.Property is not null || table.InExport.Reason?.Length > 10, $"{table.Name}: why is it not exported?");
    });

    [Fact]
    public void Rows_of_an_erased_user_are_found_by_an_index()
    {
        var erased = Tables.Where(table => table.OnErasure.DeletesBy is not null).ToList();
        Assert.NotEmpty(erased);
        Assert.All(erased, table => Assert.Contains(table.OnErasure.DeletesBy, LeadingColumns(Assert.IsType<RowTable>(table).Create("any"))));

        static IEnumerable<string> LeadingColumns(Table table) =>
            [table.PrimaryKeyColumns[0], .. table.Indexes.Where(index => index.Predicate is null).Select(index => index.Columns![0])];
    }

    [Fact]
    public void What_a_table_says_is_exported_stands_in_the_export()
    {
        var export = string.Join('\n', Directory.GetFiles(Path.Combine(ProjectionsPage.Root, "src", "Application", "Export")).Select(File.ReadAllText));
        Assert.All(Tables.Select(table => table.InExport.Property).OfType<string>(), property => Assert.Contains($"\"{property}\"", export, StringComparison.Ordinal));
    }

    /// <summary>
    /// So that the tests of kills, changes of leader, rebuilds and fillings, which compare whole tables, have something
    /// to compare.
    /// </summary>
    [Fact]
    public async Task The_history_of_the_tests_fills_every_table()
    {
        var history = new History(Log);
        UserId[] users = [.. Enumerable.Range(0, 3).Select(_ => History.SomeUser())];
        await using var node = await StartNodeAsync();
        await history.RegisterAsync(users[0]);
        await history.HappenAsync(users, 1_000);
        await node.CaughtUpAsync(history.Head);
        await GoneMessageTests.MoveAllAsync(node, history); // Only a sweep writes the rows of gone messages.
        await history.HappenAsync(users, 200);
        await history.ConverseAsync(users[0], users[1], SnapshotFold<Watermarks, ReceiptEvent>.Every);
        await history.EraseAsync(users[2]);
        await node.CaughtUpAsync(history.Head);

        var counts = await Views.TextsAsync(string.Join(
            " UNION ALL ", Tables.Select(table => $"SELECT '{table.Name}' FROM (SELECT count(*) AS rows FROM chat.{table.Name}) t WHERE rows = 0")));
        Assert.Empty(counts);
    }

    [Fact]
    public async Task Rows_of_an_erased_user_go_where_a_table_says_so_and_nobody_elses()
    {
        var history = new History(Log);
        UserId[] users = [.. Enumerable.Range(0, 3).Select(_ => History.SomeUser())];
        await using var node = await StartNodeAsync();
        await history.HappenAsync(users, 1_500);
        await node.CaughtUpAsync(history.Head);
        Assert.All(await RowsAsync(users[0]), count => Assert.True(count > 0));
        var others = await RowsAsync(users[1]);

        await history.EraseAsync(users[0]);
        await node.CaughtUpAsync(history.Head);

        Assert.All(await RowsAsync(users[0]), count => Assert.Equal(0, count));
        Assert.Equal(others, await RowsAsync(users[1]));
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    /// <summary>
    /// Requests that were under way come into the log after the erasure, and so into a later run; here, many of each
    /// kind. A rebuild meets events of before the erasure while the live tables know of it.
    /// </summary>
    [Fact]
    public async Task No_later_run_and_no_rebuild_adds_rows_of_an_erased_user()
    {
        var history = new History(Log);
        UserId[] users = [.. Enumerable.Range(0, 3).Select(_ => History.SomeUser())];
        await using var node = await StartNodeAsync();
        await history.RegisterAsync(users[0]);
        await history.HappenAsync(users, 300);
        await history.EraseAsync(users[0]);
        await node.CaughtUpAsync(history.Head); // The run has ended.

        await history.HappenAsync(users, 1_500);
        await node.CaughtUpAsync(history.Head);

        await AssertRowsAsync();
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
        await ReceiptTrimTests.TrimAllAsync(node, Views);
        var before = await Views.DumpAsync();
        foreach (var name in ReadModelFactory.Names)
            Assert.True(await node.Get<IProjections>().RebuildAsync(name, CancellationToken.None));
        foreach (var name in ReadModelFactory.Names)
            await Eventually.IsTrue(async () => await node.StateAsync(name) == "running", $"{name} is rebuilt");
        await AssertRowsAsync();
        await ReceiptTrimTests.TrimAllAsync(node, Views);
        Assert.Equal(before, await Views.DumpAsync());

        async Task AssertRowsAsync()
        {
            Assert.All(await RowsAsync(users[0]), count => Assert.Equal(0, count));
            Assert.All(await RowsAsync(users[1]), count => Assert.True(count > 0));
        }
    }

    /// <summary>How many rows of a user each table has that deletes them on erasure.</summary>
    private async Task<List<long>> RowsAsync(UserId user)
    {
        var counts = new List<long>();
        foreach (var table in Tables.Where(table => table.OnErasure.DeletesBy is not null))
        {
            counts.Add(await Views.NumberAsync(
                $"SELECT count(*) FROM chat.{table.Name} WHERE {table.OnErasure.DeletesBy} = '{user}'"));
        }

        return counts;
    }

    [Fact]
    public void The_page_about_projections_lists_the_models_with_their_tables() => Assert.Equal(
        ReadModelFactory.CreateAll().Select(model => $"{model.Name}: {string.Join(", ", model.Tables.Select(table => table.Name))}"), ProjectionsPage.Models());

    [Fact]
    public void The_page_about_projections_tells_the_pauses_of_the_code()
    {
        Assert.Contains($"{Pacing.Interval.TotalMilliseconds:0} ms", ProjectionsPage.Text, StringComparison.Ordinal);
        Assert.Contains($"{Pacing.LoadedInterval.TotalMilliseconds:0} ms", ProjectionsPage.Text, StringComparison.Ordinal);
        Assert.Contains($"{Pacing.Loaded} events", ProjectionsPage.Text, StringComparison.Ordinal);
    }
}
