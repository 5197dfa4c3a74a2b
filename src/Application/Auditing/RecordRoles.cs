using System.Globalization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Records at each start who has which role, so that a changed setting shows. Phones are recorded as keyed hashes.
/// </summary>
internal sealed class RecordRoles(
    AuditWriter writer, AccountSecrets secrets, IOptions<AccessOptions> access, IOptions<AuditOptions> audit,
    TimeProvider clock, ILogger<RecordRoles> logger) : BackgroundService
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await RecordAsync(stoppingToken);
                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogWarning("The roles are not recorded yet: {Reason}", exception.Message);
                await Task.Delay(RetryEvery, clock, stoppingToken);
            }
        }
    }

    private async Task RecordAsync(CancellationToken cancellationToken)
    {
        var roles = access.Value;
        var (admins, auditors, compliance) = (
            await NamesAsync(roles.Admins, cancellationToken), await NamesAsync(roles.Auditors, cancellationToken),
            await NamesAsync(roles.Compliance, cancellationToken));
        var withoutApproval = audit.Value.Approval == AuditOptions.None;
        await writer.AppendAsync(
            StreamName.Audit,
            now => new AuditEvent.AccessRolesSet(admins, auditors, compliance, withoutApproval) { At = now },
            Actor.System, cancellationToken);
    }

    private async Task<IReadOnlyList<string>> NamesAsync(List<string> named, CancellationToken cancellationToken)
    {
        var names = new List<string>(named.Count);
        foreach (var name in named)
        {
            names.Add(Guid.TryParse(name, out var id)
                ? id.ToString()
                : (await secrets.PhoneKeyAsync(name, cancellationToken)).Value
                    .ToString("x32", CultureInfo.InvariantCulture));
        }

        return [.. names.Distinct().Order(StringComparer.Ordinal)];
    }
}
