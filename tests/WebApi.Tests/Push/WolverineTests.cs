using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Push;

/// <summary>Wolverine's troubles are not the read side's, and what always fails comes to an end.</summary>
public sealed class WolverineTests : IAsyncLifetime
{
    private const string Incoming = "wolverine.wolverine_incoming_envelopes";

    private readonly WakingServer _server = new();
    private readonly Browser _browser = new();

    public Task InitializeAsync() => ((IAsyncLifetime)_server).InitializeAsync();

    public async Task DisposeAsync()
    {
        _browser.Dispose();
        await ((IAsyncLifetime)_server).DisposeAsync();
    }

    [Fact]
    public async Task Wolverine_that_cannot_start_does_not_stop_the_views_and_makes_up_for_the_wake_ups()
    {
        await ExecuteAsync($"CREATE SCHEMA wolverine; CREATE VIEW {Incoming} AS SELECT 1 AS id");
        var (ann, ben) = (await _server.SignInAsync(), await _server.SignInAsync());
        var (path, _) = await _server.SubscribeAsync(ben, _browser);

        await IsShownAsync(ann, ben, "while it cannot start");
        await Eventually.IsTrue(
            async () => await NumberAsync("SELECT count(*) FROM push_pending WHERE is_unsent") == 1,
            "the wake-up is noted");
        Assert.Empty(_server.Push.To(path));
        await ExecuteAsync($"DROP VIEW {Incoming}");

        await _server.Push.NextAsync(path);
    }

    [Fact]
    public async Task A_wake_up_that_Wolverine_cannot_store_does_not_stop_the_views_and_is_stored_later()
    {
        var (ann, ben) = (await _server.SignInAsync(), await _server.SignInAsync());
        var (path, _) = await _server.SubscribeAsync(ben, _browser);
        await _server.SayAsync(ann, ben);
        await _server.Push.NextAsync(path);
        await ExecuteAsync($"ALTER TABLE {Incoming} RENAME TO elsewhere");

        await IsShownAsync(ann, ben, "while it cannot store");
        Assert.Single(_server.Push.To(path));
        await ExecuteAsync($"ALTER TABLE wolverine.elsewhere RENAME TO wolverine_incoming_envelopes");

        await _server.Push.NextAsync(path, 1);
    }

    [Fact]
    public async Task A_wake_up_that_always_fails_is_set_aside_and_wakes_of_others_go_on()
    {
        var (ann, ben, cid) = (await _server.SignInAsync(), await _server.SignInAsync(), await _server.SignInAsync());
        var (path, _) = await _server.SubscribeAsync(ben, _browser);
        var (other, _) = await _server.SubscribeAsync(cid, _browser);
        await ExecuteAsync(
            $"""
            CREATE FUNCTION chat.fault() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'as the test wished'; END $$;
            CREATE TRIGGER fault BEFORE DELETE ON chat.push_pending FOR EACH ROW
            WHEN (OLD.user_id = '{ben.User}') EXECUTE FUNCTION chat.fault();
            """);

        await _server.SayAsync(ann, ben);
        await _server.SayAsync(ann, cid);

        await _server.Push.NextAsync(other);
        await Eventually.IsTrue(
            async () =>
            {
                // The attempts that it would make in four minutes.
                await ExecuteAsync($"UPDATE {Incoming} SET attempts = 8 WHERE attempts BETWEEN 1 AND 7");
                return await NumberAsync("SELECT count(*) FROM wolverine.wolverine_dead_letters") == 1;
            },
            "it is with the dead letters");
        Assert.Equal(0, await NumberAsync($"SELECT count(*) FROM {Incoming} WHERE status <> 'Handled'"));
        Assert.Empty(_server.Push.To(path));
        Assert.Contains(
            "chat_push_given_up_total{", await _server.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    /// <summary>A message is shown by the views, and not by memory.</summary>
    private async Task IsShownAsync(Tokens from, Tokens to, string text)
    {
        var sent = await _server.SayAsync(from, to, text);
        var conversation = sent.Text("conversation_id");
        await Eventually.IsTrue(
            async () => await NumberAsync(
                $"SELECT count(*) FROM timeline WHERE conversation_id = '{conversation}' AND seq = {sent["seq"]}") == 1,
            "the views have the message");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _server.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> NumberAsync(string sql)
    {
        await using var command = _server.Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
