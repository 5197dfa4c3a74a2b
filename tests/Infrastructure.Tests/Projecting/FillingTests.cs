using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// A model that the database does not hold yet is built from the log by itself, and only then folded.
/// </summary>
public sealed class FillingTests : ProjectingTest
{
    private readonly UserId[] _users = [.. Enumerable.Range(0, 8).Select(_ => History.SomeUser())];

    public static TheoryData<string> Names => [.. ReadModelFactory.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_model_that_is_new_to_the_database_is_filled_while_the_log_goes_on(string name)
    {
        var history = new History(Log);
        await using (var earlier = await StartNodeAsync())
        {
            await history.RegisterAsync(_users[0]);
            await history.HappenAsync(_users, 600);
            await earlier.CaughtUpAsync(history.Head);
        }

        await Views.ExecuteAsync(
            string.Join(';', ReadModelFactory.Create(name).Tables.Select(table => $"DROP TABLE chat.{table.Name}"))
            + $"; UPDATE chat.checkpoints SET models = array_remove(models, '{name}')");
        await using var node = await StartNodeAsync();
        await history.HappenAsync(_users, 100);
        await Eventually.IsTrue(async () => await FilledAsync(name), "the model is filled");
        await history.HappenAsync(_users, 100);
        await node.CaughtUpAsync(history.Head);

        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
        await Eventually.IsTrue(async () => await node.StateAsync(name) == "running", "nothing is rebuilt any more");
    }

    [Fact]
    public async Task A_model_that_another_version_did_not_fold_is_filled_again()
    {
        var history = new History(Log);
        await using (var earlier = await StartNodeAsync())
        {
            await history.HappenAsync(_users, 300);
            await earlier.CaughtUpAsync(history.Head);
        }

        await Views.ExecuteAsync("UPDATE chat.checkpoints SET models = array_remove(models, 'media'); DELETE FROM chat.media_references WHERE seq % 2 = 0");
        await using var node = await StartNodeAsync();
        await Eventually.IsTrue(async () => await FilledAsync("media"), "the model is filled");

        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public async Task A_database_of_a_version_that_noted_no_models_holds_those_of_its_time()
    {
        var history = new History(Log);
        await using (var earlier = await StartNodeAsync())
        {
            await history.HappenAsync(_users, 100);
            await earlier.CaughtUpAsync(history.Head);
        }

        await Views.ExecuteAsync("ALTER TABLE chat.checkpoints DROP COLUMN models; DELETE FROM chat.media_references");
        await using var node = await StartNodeAsync();
        await Eventually.IsTrue(async () => await FilledAsync("media"), "the leader has begun");

        // Later models are filled; those of its time stay as they are.
        await Eventually.IsTrue(
            async () => await Views.NumberAsync("SELECT count(*) FROM chat.checkpoints") == 1, "all is filled");
        Assert.Equal(
            ReadModelFactory.Names.Order(), (await Views.TextsAsync("SELECT unnest(models) FROM chat.checkpoints WHERE name = 'live'")).Order());
        Assert.Equal(0, await Views.NumberAsync("SELECT count(*) FROM chat.media_references"));
    }

    private async Task<bool> FilledAsync(string name) =>
        await Views.NumberAsync($"SELECT count(*) FROM chat.checkpoints WHERE name = 'live' AND '{name}' = ANY (models)") == 1;
}
