using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Sealing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>
/// Hears from other nodes which devices were signed out, whose blocks have changed, who was erased and which secrets were shredded. After every interruption it
/// looks up what it has missed, or forgets what that may have changed.
/// </summary>
internal sealed class AccountListener(
    NpgsqlDataSource database, PostgresDeviceSessions sessions, BlockLists blocks, KnownUsers known, ContentSealer sealer, TimeProvider clock,
    ILogger<AccountListener> logger) : BackgroundService
{
    /// <summary>How often a silent connection is tried.</summary>
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>How far the clocks of nodes may be apart.</summary>
    private static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(5);

    private DateTimeOffset _heardUntil = clock.GetUtcNow();
    private bool _hears = true;

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
                if (_hears)
                    logger.LogWarning("What other nodes sign out or block cannot be heard for the moment: {Reason}", exception.Message);
                _hears = false;
            }

            await Task.Delay(RetryAfter, clock, stoppingToken);
        }
    }

    /// <summary>Listens until the connection breaks.</summary>
    private async Task ListenAsync(CancellationToken stoppingToken)
    {
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        connection.Notification += (_, notification) => Hear(notification.Channel, notification.Payload);
        await RunAsync(
            connection,
            $"LISTEN {sessions.Channel}; LISTEN {DirectoryModel.BlocksChannel(sessions.Schema)}; "
            + $"LISTEN {PostgresRegistrations.ErasedChannel(sessions.Schema)}; LISTEN {Secrets.Channel}",
            stoppingToken);
        blocks.ForgetAll();
        known.ForgetAll();
        sealer.ForgetAll();
        await sessions.CatchUpAsync(_heardUntil - SkewMax, stoppingToken);
        _hears = true;
        while (true)
        {
            _heardUntil = clock.GetUtcNow();
            if (!await connection.WaitAsync(PingEvery, stoppingToken))
                await RunAsync(connection, "SELECT 1", stoppingToken);
        }
    }

    private void Hear(string channel, string payload)
    {
        if (channel == Secrets.Channel)
            sealer.Forget(payload);
        else if (channel == sessions.Channel)
            HearSignOut(payload);
        else if (Guid.TryParse(payload, out var changed))
            HearChange(channel, new UserId(changed));
    }

    private void HearChange(string channel, UserId user)
    {
        blocks.Forget(user);
        if (channel == PostgresRegistrations.ErasedChannel(sessions.Schema))
            known.Forget(user);
    }

    private void HearSignOut(string payload)
    {
        var colon = payload.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && Guid.TryParse(payload.AsSpan(0, colon), out var user) && Guid.TryParse(payload.AsSpan(colon + 1), out var device))
            sessions.Mark(new UserId(user), new DeviceId(device));
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
