using System.Collections.Concurrent;
using System.Collections.Immutable;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using static ChatCqrs.Infrastructure.Tests.Accounts.Given;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

public sealed class PostgresDeviceSessionsTests(AccountsDatabase database) : IClassFixture<AccountsDatabase>
{
    [Fact]
    public async Task A_device_that_was_signed_in_is_active_and_any_other_is_not()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);

        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        Assert.False(await sessions.IsActiveAsync(signIn.User, new DeviceId(Guid.NewGuid()), default));
    }

    [Fact]
    public async Task A_device_is_active_for_its_owner_only_asked_for_the_first_time_and_from_memory()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        var other = new UserId(Guid.CreateVersion7());

        Assert.False(await sessions.IsActiveAsync(other, signIn.Device, default));
        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        Assert.False(await sessions.IsActiveAsync(other, signIn.Device, default));
    }

    [Fact]
    public async Task A_device_that_is_signed_out_ends_at_once_and_is_told_of()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        var told = Listen(sessions);

        await sessions.RevokeAsync(signIn.User, signIn.Device, default);

        Assert.False(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        Assert.Equal((signIn.User, signIn.Device), Assert.Single(told));
        Assert.IsType<RotationOutcome.Ended>(await RotateAsync(sessions, signIn.Device, signIn.RefreshToken));
    }

    [Fact]
    public async Task All_devices_of_a_user_are_signed_out_and_nobody_elses()
    {
        var sessions = database.Sessions();
        var (ann, ben) = (await SignedInAsync(database), await SignedInAsync(database));
        Assert.True(await sessions.IsActiveAsync(ann.User, ann.Device, default));
        var told = Listen(sessions);

        await sessions.RevokeAllAsync(ann.User, default);
        await sessions.RevokeAllAsync(ann.User, default);

        Assert.False(await sessions.IsActiveAsync(ann.User, ann.Device, default));
        Assert.True(await sessions.IsActiveAsync(ben.User, ben.Device, default));
        Assert.Equal((ann.User, ann.Device), Assert.Single(told));
    }

    [Fact]
    public async Task Nobody_signs_out_another_users_device()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);

        await sessions.RevokeAsync(new UserId(Guid.NewGuid()), signIn.Device, default);

        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
    }

    [Fact]
    public async Task A_refresh_token_is_exchanged_for_the_next()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        var next = NewHash();

        var rotated = Assert.IsType<RotationOutcome.Rotated>(
            await RotateAsync(sessions, signIn.Device, signIn.RefreshToken, next));

        Assert.Equal(signIn.User, rotated.User);
        Assert.NotEqual(default, rotated.Phone);
        Assert.IsType<RotationOutcome.Rotated>(await RotateAsync(sessions, signIn.Device, next));
    }

    [Fact]
    public async Task An_exchange_can_be_repeated_on_any_node_until_its_tokens_were_used()
    {
        var (here, there) = (database.Sessions(), database.Sessions());
        var signIn = await SignedInAsync(database);
        var next = NewHash();
        var first = await RotateAsync(here, signIn.Device, signIn.RefreshToken, next);

        Assert.Equal(first, await RotateAsync(there, signIn.Device, signIn.RefreshToken, next));
        Assert.Equal(1, Assert.IsType<RotationOutcome.Rotated>(first).Generation);
        Assert.True(await here.IsActiveAsync(signIn.User, signIn.Device, default));

        await here.MarkUsedAsync(signIn.Device, 0, default); // An older access token says nothing of the newer ones.
        Assert.Equal(first, await RotateAsync(there, signIn.Device, signIn.RefreshToken, next));

        await here.MarkUsedAsync(signIn.Device, 1, default);
        Assert.IsType<RotationOutcome.Reused>(await RotateAsync(there, signIn.Device, signIn.RefreshToken, next));
        Assert.False(await there.IsActiveAsync(signIn.User, signIn.Device, default));
    }

    [Fact]
    public async Task A_repeated_exchange_does_not_lengthen_the_tokens_life()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        var next = NewHash();
        await RotateAsync(sessions, signIn.Device, signIn.RefreshToken, next);
        var endsAt = Assert.Single(await sessions.OfAsync(signIn.User, default)).EndsAt;

        await sessions.RotateAsync(
            new Rotation(signIn.Device, signIn.RefreshToken, next, Now.AddDays(2), Now.AddDays(92)), default);

        Assert.Equal(endsAt, Assert.Single(await sessions.OfAsync(signIn.User, default)).EndsAt);
    }

    [Fact]
    public async Task That_tokens_were_used_is_written_once_a_generation_by_all_nodes_together()
    {
        var (here, there) = (database.Sessions(), database.Sessions());
        var signIn = await SignedInAsync(database);
        await RotateAsync(here, signIn.Device, signIn.RefreshToken);
        foreach (var node in new[] { here, there })
            Assert.True(await node.IsActiveAsync(signIn.User, signIn.Device, default));
        var before = await VersionAsync(signIn.Device);

        await here.MarkUsedAsync(signIn.Device, 1, default);
        var marked = await VersionAsync(signIn.Device);
        foreach (var node in new[] { here, there, here, there })
            await node.MarkUsedAsync(signIn.Device, 1, default);

        Assert.NotEqual(before, marked);
        Assert.Equal(marked, await VersionAsync(signIn.Device));
    }

    [Fact]
    public async Task Tokens_that_were_used_while_the_store_did_not_answer_are_marked_later()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        var next = NewHash();
        await RotateAsync(sessions, signIn.Device, signIn.RefreshToken, next);
        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using var held = new NpgsqlCommand(
                "SELECT FROM chat.device_sessions WHERE device_id = $1 FOR UPDATE", connection);
            held.Parameters.Add(new() { Value = signIn.Device.Value });
            await held.ExecuteNonQueryAsync();

            await sessions.MarkUsedAsync(signIn.Device, 1, default); // Gives up, and lets the caller go on.
        }

        await sessions.WriteSeenAsync(default);

        Assert.IsType<RotationOutcome.Reused>(
            await RotateAsync(database.Sessions(), signIn.Device, signIn.RefreshToken, next));
    }

    [Fact]
    public async Task A_refresh_token_that_comes_again_signs_the_device_out()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        var next = NewHash();
        await RotateAsync(sessions, signIn.Device, signIn.RefreshToken, next);
        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        var told = Listen(sessions);

        Assert.IsType<RotationOutcome.Reused>(await RotateAsync(sessions, signIn.Device, signIn.RefreshToken));

        Assert.False(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        Assert.Single(told);
        Assert.IsType<RotationOutcome.Ended>(await RotateAsync(sessions, signIn.Device, next));
    }

    /// <summary>
    /// The first attempt is not answered, as if it had succeeded; before the next one another tab uses what it gave.
    /// </summary>
    [Fact]
    public async Task An_exchange_of_which_nobody_knows_what_became_signs_nobody_out()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);
        var next = NewHash();
        Task<RotationOutcome> exchange;
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using var use = new NpgsqlCommand(
                "UPDATE chat.device_sessions SET refresh_hash = $2, generation = 1, used_generation = 1" +
                " WHERE device_id = $1",
                connection);
            use.Parameters.Add(new() { Value = signIn.Device.Value });
            use.Parameters.Add(new() { Value = next });
            await use.ExecuteNonQueryAsync();
            exchange = RotateAsync(sessions, signIn.Device, signIn.RefreshToken, next);
            await using var cancel = database.Source.CreateCommand(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'" +
                " AND datname = current_database() AND query LIKE 'UPDATE device_sessions s SET%'");
            await Eventually.IsTrue(
                async () => await cancel.ExecuteScalarAsync() is > 0L, "the first attempt is given up");
            await transaction.CommitAsync();
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => exchange);

        Assert.True(await database.Sessions().IsActiveAsync(signIn.User, signIn.Device, default));
        Assert.IsType<RotationOutcome.Rotated>(await RotateAsync(sessions, signIn.Device, next));
    }

    [Fact]
    public async Task Of_many_exchanges_of_one_token_at_once_all_get_the_same()
    {
        var sessions = database.Sessions();
        for (var round = 0; round < 10; round++)
        {
            var signIn = await SignedInAsync(database);
            var next = NewHash();

            var outcomes = await Task.WhenAll(
                Enumerable.Range(0, 8).Select(_ => RotateAsync(sessions, signIn.Device, signIn.RefreshToken, next)));

            Assert.All(outcomes, outcome => Assert.Equal(
                1, Assert.IsType<RotationOutcome.Rotated>(outcome).Generation));
            Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        }
    }

    [Fact]
    public async Task A_refresh_token_that_has_expired_is_of_no_use_and_does_no_harm()
    {
        var sessions = database.Sessions();
        var signIn = await SignedInAsync(database);

        var outcome = await sessions.RotateAsync(
            new Rotation(
                signIn.Device, signIn.RefreshToken, NewHash(),
                signIn.RefreshExpiresAt, signIn.RefreshExpiresAt.AddDays(90)),
            default);

        Assert.IsType<RotationOutcome.Ended>(outcome);
        Assert.True(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
    }

    [Fact]
    public async Task Another_node_hears_of_a_device_that_is_signed_out()
    {
        var (here, there) = (database.Sessions(), database.Sessions());
        using var listener = Listener(there);
        await listener.StartAsync(default);
        await HearsAsync(there);
        var signIn = await SignedInAsync(database);
        Assert.True(await there.IsActiveAsync(signIn.User, signIn.Device, default));
        var told = Listen(there);

        await here.RevokeAsync(signIn.User, signIn.Device, default);

        await Eventually.IsTrue(() => told.Contains((signIn.User, signIn.Device)), "the other node was told");
        Assert.False(await there.IsActiveAsync(signIn.User, signIn.Device, default));
        await listener.StopAsync(default);
    }

    [Fact]
    public async Task Another_node_hears_of_who_is_erased_and_forgets_that_they_exist()
    {
        var users = new EverybodyExists();
        var known = new KnownUsers(users);
        var there = database.Sessions();
        using var listener = Listener(there, known);
        await listener.StartAsync(default);
        await HearsAsync(there);
        var signIn = await SignedInAsync(database);
        Assert.True(await known.ExistsAsync(signIn.User, default));
        users.Gone = signIn.User;
        Assert.True(await known.ExistsAsync(signIn.User, default));

        await database.Registrations().ForgetAsync(signIn.User, default);

        await Eventually.IsTrue(async () => !await known.ExistsAsync(signIn.User, default), "the other node was told");
        await listener.StopAsync(default);
    }

    [Fact]
    public async Task What_was_signed_out_while_a_node_could_not_hear_is_looked_up()
    {
        var there = database.Sessions();
        using var listener = Listener(there);
        await listener.StartAsync(default);
        await HearsAsync(there);
        var signIn = await SignedInAsync(database);
        Assert.True(await there.IsActiveAsync(signIn.User, signIn.Device, default));

        // Sign out without a notification, as if it was lost with the connection.
        await ExecuteAsync(
            "UPDATE chat.device_sessions SET revoked_at = now() WHERE device_id = $1", signIn.Device.Value);
        await ExecuteAsync(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()
            """);

        await Eventually.IsTrue(
            async () => !await there.IsActiveAsync(signIn.User, signIn.Device, default), "the node has caught up");
        await listener.StopAsync(default);
    }

    [Fact]
    public async Task When_a_device_was_here_is_noted_at_most_once_a_minute()
    {
        var clock = new ManualClock(Now);
        var sessions = database.Sessions(clock);
        var signIn = await SignedInAsync(database);
        await sessions.IsActiveAsync(signIn.User, signIn.Device, default);
        clock.Advance(TimeSpan.FromSeconds(5));
        sessions.Touch(signIn.Device);
        clock.Advance(TimeSpan.FromSeconds(50));
        sessions.Touch(signIn.Device);

        Assert.Equal(Now.AddSeconds(5), (await sessions.LastSeenAsync(signIn.User, default))[signIn.Device]);

        clock.Advance(TimeSpan.FromSeconds(20));
        sessions.Touch(signIn.Device);
        await sessions.WriteSeenAsync(default);
        var stored = await database.Sessions().LastSeenAsync(signIn.User, default);
        Assert.Equal(Now.AddSeconds(75), stored[signIn.Device]);
    }

    [Fact]
    public async Task Without_a_database_a_device_that_is_not_known_here_cannot_be_judged()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=chat;Timeout=1");
        var sessions = new PostgresDeviceSessions(nowhere, TimeProvider.System);

        await Assert.ThrowsAsync<StoreUnavailableException>(
            async () => await sessions.IsActiveAsync(
                new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), default));
    }

    private static ConcurrentQueue<(UserId, DeviceId)> Listen(PostgresDeviceSessions sessions)
    {
        var told = new ConcurrentQueue<(UserId, DeviceId)>();
        sessions.Revoked += (user, device) => told.Enqueue((user, device));
        return told;
    }

    private static Task<RotationOutcome> RotateAsync(
        PostgresDeviceSessions sessions, DeviceId device, ReadOnlyMemory<byte> old, byte[]? next = null) =>
        sessions.RotateAsync(new Rotation(device, old, next ?? NewHash(), Now.AddDays(1), Now.AddDays(91)), default);

    /// <summary>Changes with every write of a device's row.</summary>
    private async Task<string> VersionAsync(DeviceId device)
    {
        await using var command = database.Source.CreateCommand(
            "SELECT xmin::text FROM chat.device_sessions WHERE device_id = $1");
        command.Parameters.Add(new() { Value = device.Value });
        return (string)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until a node receives notifications; it has cleared its caches before that.</summary>
    private async Task HearsAsync(PostgresDeviceSessions node)
    {
        var told = Listen(node);
        await Eventually.IsTrue(
            async () =>
            {
                var signIn = await SignedInAsync(database);
                await database.Sessions().RevokeAsync(signIn.User, signIn.Device, default);
                return !told.IsEmpty;
            },
            "the node hears");
    }

    private async Task ExecuteAsync(string sql, params object[] arguments)
    {
        await using var command = database.Source.CreateCommand(sql);
        foreach (var argument in arguments)
            command.Parameters.Add(new() { Value = argument });
        await command.ExecuteNonQueryAsync();
    }

    [Fact]
    public async Task Of_many_users_it_is_known_when_each_was_last_here()
    {
        var sessions = database.Sessions();
        var (ann, ben) = (await SignedInAsync(database), await SignedInAsync(database));

        var seen = await sessions.LastSeenAsync([ann.User, ben.User, new UserId(Guid.CreateVersion7())], default);

        Assert.Equal(new HashSet<UserId> { ann.User, ben.User }, seen.Keys.ToHashSet());
        Assert.Equal(ann.Now, seen[ann.User]);
    }

    private static BlockLists NoBlocks() => new((_, _) => Task.FromResult(ImmutableHashSet<UserId>.Empty));

    private ContentSealer Sealer() =>
        new(new Secrets(database.Source, Options.Create(new SealingOptions())), TimeProvider.System);

    private AccountListener Listener(
        PostgresDeviceSessions sessions, KnownUsers? known = null, ContentSealer? sealer = null) => new(
        database.Source, sessions, NoBlocks(), known ?? new KnownUsers(new EverybodyExists()),
        new LinkWaits(), sealer ?? Sealer(), TimeProvider.System, NullLogger<AccountListener>.Instance);

    private sealed class EverybodyExists : IUsers
    {
        public UserId? Gone { get; set; }

        public Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken) =>
            Task.FromResult(user != Gone);
    }
}
