using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Sealing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>
/// Applies the sign-outs, block changes, erasures and shredded secrets of other nodes, which PostgreSQL notifies, and
/// wakes those who wait for device links. After each connection loss it reloads missed sign-outs, clears the other
/// caches, and wakes everybody.
/// </summary>
internal sealed class AccountListener(
    NpgsqlDataSource database, PostgresDeviceSessions sessions, BlockLists blocks, KnownUsers known,
    LinkWaits links, ContentSealer sealer, TimeProvider clock, ILogger<AccountListener> logger) : BackgroundService
{
    /// <summary>How often an idle connection is tested.</summary>
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>The largest clock difference between nodes.</summary>
    private static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(5);

    private DateTimeOffset _listenedUntil = clock.GetUtcNow();
    private bool _isListening = true;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (_isListening)
                    logger.LogWarning("Cannot listen for other nodes' account changes: {Reason}", exception.Message);
                _isListening = false;
            }

            await Task.Delay(RetryAfter, clock, stoppingToken);
        }
    }

    /// <summary>Listens until the connection breaks.</summary>
    private async Task ListenAsync(CancellationToken stoppingToken)
    {
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        connection.Notification += (_, notification) => Apply(notification.Channel, notification.Payload);
        await RunAsync(
            connection,
            $"LISTEN {PostgresDeviceSessions.Channel}; LISTEN {DirectoryModel.BlocksChannel}; "
            + $"LISTEN {PostgresRegistrations.ErasedChannel}; LISTEN {Secrets.Channel}; "
            + $"LISTEN {PostgresDeviceLinks.Channel}",
            stoppingToken);
        blocks.ForgetAll();
        known.ForgetAll();
        sealer.ForgetAll();
        links.TellAll();
        await sessions.CatchUpAsync(_listenedUntil - SkewMax, stoppingToken);
        _isListening = true;
        while (true)
        {
            _listenedUntil = clock.GetUtcNow();
            if (!await connection.WaitAsync(PingEvery, stoppingToken))
                await RunAsync(connection, "SELECT 1", stoppingToken);
        }
    }

    private void Apply(string channel, string payload)
    {
        if (channel == Secrets.Channel)
            sealer.Forget(payload);
        else if (channel == PostgresDeviceSessions.Channel)
            ApplySignOut(payload);
        else if (Guid.TryParse(payload, out var changed))
            ApplyChange(channel, changed);
    }

    private void ApplyChange(string channel, Guid changed)
    {
        if (channel == PostgresDeviceLinks.Channel)
        {
            links.Tell(changed);
            return;
        }

        var user = new UserId(changed);
        blocks.Forget(user);
        if (channel == PostgresRegistrations.ErasedChannel)
            known.Forget(user);
    }

    private void ApplySignOut(string payload)
    {
        var colon = payload.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0
            && Guid.TryParse(payload.AsSpan(0, colon), out var user)
            && Guid.TryParse(payload.AsSpan(colon + 1), out var device))
            sessions.Mark(new UserId(user), new DeviceId(device));
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
