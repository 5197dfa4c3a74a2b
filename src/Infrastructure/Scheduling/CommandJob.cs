using System.ComponentModel;
using ChatCqrs.Application.Ports;
using Hangfire;
using MediatR;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>
/// The Hangfire job of a recurring command. A PostgreSQL advisory lock, which ends with its session, admits one run at
/// a time over all nodes; a run that finds the lock taken is skipped.
/// </summary>
internal sealed class CommandJob(
    IMediator mediator, IEnumerable<RecurringCommand> commands, NpgsqlDataSource database, ILogger<CommandJob> logger)
{
    [DisplayName("{0}")]
    [Queue(SchedulingRegistration.ClockQueue)]
    [AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete, LogEvents = false)]
    public async Task SendAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var session = await database.OpenConnectionAsync(cancellationToken);
            if (!await CallAsync(session, "SELECT pg_try_advisory_lock(hashtext('chatcqrs-job'), hashtext($1))", name))
                return;
            try
            {
                await commands.Single(command => command.Name == name).SendAsync(mediator, cancellationToken);
            }
            finally
            {
                await CallAsync(session, "SELECT pg_advisory_unlock(hashtext('chatcqrs-job'), hashtext($1))", name);
            }
        }
        catch (Exception exception) when (exception is StoreUnavailableException or NpgsqlException)
        {
            logger.LogWarning("{Command} waits for its next run: {Reason}", name, exception.Message);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            logger.LogError(exception, "{Command} failed.", name);
            throw;
        }
    }

    private static async Task<bool> CallAsync(NpgsqlConnection session, string sql, string name)
    {
        await using var command = new NpgsqlCommand(sql, session) { Parameters = { new() { Value = name } } };
        return await command.ExecuteScalarAsync(CancellationToken.None) is true;
    }
}
