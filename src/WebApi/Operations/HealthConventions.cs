using System.Text.Json;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Operations;

/// <summary>Settings of the health checks (section <c>Health</c> of the configuration).</summary>
public sealed record HealthOptions
{
    /// <summary>The most time of one check; 00:00:00.1 to 00:01:00.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The read side is degraded when it is more seconds than this behind the log; 1 to 86,400.
    /// </summary>
    public double LagSecondsMax { get; init; } = 30;
}

/// <summary>The health checks.</summary>
public static class HealthConventions
{
    /// <summary>The datum of a check that says how many seconds the views are behind the log.</summary>
    internal const string LagSeconds = "lag_seconds";

    /// <summary>The datum of a check that says what an operator should change.</summary>
    internal const string Warning = "warning";

    private const string Ready = "ready";

    public static WebApplicationBuilder AddHealth(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<HealthOptions>().Bind(builder.Configuration.GetSection("Health"))
            .Validate(
                options => options.Timeout >= TimeSpan.FromMilliseconds(100)
                    && options.Timeout <= TimeSpan.FromMinutes(1),
                "Health:Timeout must be 00:00:00.1 to 00:01:00.")
            .Validate(
                options => options.LagSecondsMax is >= 1 and <= 86_400, "Health:LagSecondsMax must be 1 to 86400.")
            .ValidateOnStart();
        builder.Services.AddSingleton<LogCheck>().AddSingleton<ReadSideCheck>(); // Each shares its last result.
        builder.Services.AddHealthChecks()
            .AddCheck<GoingAwayCheck>("process", tags: [Ready])
            .AddCheck<ClockCheck>("clock", tags: [Ready])
            .AddCheck<LogCheck>("log", tags: [Ready])
            .AddCheck<ReadSideCheck>("read_side", tags: [Ready])
            .AddCheck<SignedLogsCheck>("signed_logs", tags: [Ready]);
        if (builder.Environment.IsProduction())
            builder.Services.AddHealthChecks().AddCheck<AuditCopiesCheck>("audit_copies", tags: [Ready]);
        return builder;
    }

    /// <summary>
    /// <c>/health/live</c>: the process answers. <c>/health/ready</c>: this node can reach the log and the database;
    /// 200 also while the read side is degraded, which it is for all nodes at once.
    /// </summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        Map("/health/live", _ => false);
        Map("/health/ready", check => check.Tags.Contains(Ready));

        void Map(string path, Func<HealthCheckRegistration, bool> predicate) => app
            .MapHealthChecks(path, new HealthCheckOptions { Predicate = predicate, ResponseWriter = WriteAsync })
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head])).AllowAnonymous();
    }

    /// <summary>Writes each check's result, without addresses or exceptions: the endpoint is anonymous.</summary>
    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            status = NameOf(report.Status),
            lag_seconds = report.Entries.Values
                .Select(entry => entry.Data.GetValueOrDefault(LagSeconds) as double?).FirstOrDefault(lag => lag != null),
            warnings = report.Entries.Values
                .Select(entry => entry.Data.GetValueOrDefault(Warning)).OfType<string>().ToList(),
            checks = report.Entries.ToDictionary(
                entry => entry.Key,
                entry => new { status = NameOf(entry.Value.Status), detail = entry.Value.Description }),
        }));
    }

    private static string NameOf(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "healthy",
        HealthStatus.Degraded => "degraded",
        _ => "unhealthy",
    };
}

/// <summary>Unhealthy once the process stops, so that a load balancer sends it no more requests.</summary>
internal sealed class GoingAwayCheck(IHostApplicationLifetime lifetime) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(lifetime.ApplicationStopping.IsCancellationRequested
            ? HealthCheckResult.Unhealthy("is going away")
            : HealthCheckResult.Healthy("stays"));
}

/// <summary>Healthy while this node's clock is right: otherwise it answers every command with 503.</summary>
internal sealed class ClockCheck(ClockGuard guard) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(guard.Problem is { } problem
            ? HealthCheckResult.Unhealthy(problem)
            : HealthCheckResult.Healthy("is right"));
}

/// <summary>
/// Warns where nobody outside of the server keeps checkpoints of the signed logs. It stays healthy: the server works.
/// </summary>
internal sealed class AuditCopiesCheck(IConfiguration configuration) : IHealthCheck
{
    private const string None =
        "nobody outside keeps the signed logs' checkpoints: set Audit:Mirror or Audit:Witnesses";

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(
            configuration.GetSection("Audit:Mirror").Exists() || configuration.GetSection("Audit:Witnesses").Exists()
                ? HealthCheckResult.Healthy("are kept elsewhere, too")
                : HealthCheckResult.Healthy(
                    None, new Dictionary<string, object> { [HealthConventions.Warning] = None }));
}

/// <summary>Degraded while the signed logs are not published, which holds no message back.</summary>
internal sealed class SignedLogsCheck(IAuditPublishing publishing) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(Judge(publishing.Problem));

    internal static HealthCheckResult Judge(PublishingProblem? problem) => problem switch
    {
        PublishingProblem.Behind => HealthCheckResult.Degraded("behind what was published: an admin has to recover"),
        PublishingProblem.Halted => HealthCheckResult.Degraded("not signed: an operator has to decide"),
        PublishingProblem.MirrorAway => HealthCheckResult.Degraded("not published: the mirror cannot be used"),
        _ => HealthCheckResult.Healthy("are published"),
    };
}

/// <summary>Healthy when the event log answers.</summary>
internal sealed class LogCheck(IEventStore store, IOptions<HealthOptions> options, TimeProvider clock) : IHealthCheck
{
    private readonly Probe _probe = new(options.Value.Timeout, clock, async cancellationToken =>
    {
        await store.HeadAsync(cancellationToken);
        return HealthCheckResult.Healthy("answers");
    });

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        _probe.AskAsync(cancellationToken);
}

/// <summary>
/// Unhealthy when the database does not answer. Degraded when the read side has no leader, cannot go on, or is far
/// behind the log.
/// </summary>
internal sealed class ReadSideCheck(
    IProjections projections, IOptions<HealthOptions> options, TimeProvider clock) : IHealthCheck
{
    private readonly Probe _probe = new(options.Value.Timeout, clock, async cancellationToken =>
        Judge(await projections.StatesAsync(cancellationToken), options.Value.LagSecondsMax));

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        _probe.AskAsync(cancellationToken);

    internal static HealthCheckResult Judge(IReadOnlyList<ProjectionState> states, double lagMax)
    {
        var lag = states.Max(state => state.LagSeconds);
        var data = new Dictionary<string, object> { [HealthConventions.LagSeconds] = lag };
        if (states.FirstOrDefault(state => state.State is "waiting" or "stopped") is { } idle)
            return HealthCheckResult.Degraded($"{idle.Name} is {idle.State}", data: data);
        return lag > lagMax
            ? HealthCheckResult.Degraded($"{lag:0} seconds behind the log", data: data)
            : HealthCheckResult.Healthy($"{lag:0.0} seconds behind the log", data);
    }
}

/// <summary>
/// Runs a check in bounded time. Callers during the check and a second after it share its result, because anonymous
/// callers have no limit. A store that cannot be reached is unhealthy; the result does not state why.
/// </summary>
internal sealed class Probe(
    TimeSpan timeout, TimeProvider clock, Func<CancellationToken, Task<HealthCheckResult>> check)
{
    private static readonly TimeSpan SharedFor = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<(HealthCheckResult Result, long At)>? _last;

    public async Task<HealthCheckResult> AskAsync(CancellationToken cancellationToken)
    {
        Task<(HealthCheckResult Result, long At)> last;
        lock (_lock)
        {
            if (_last is null or { IsFaulted: true }
                || (_last.IsCompleted && clock.GetElapsedTime(_last.Result.At) >= SharedFor))
                _last = Task.Run(RunAsync, CancellationToken.None); // Independent of the caller, who may go away.
            last = _last;
        }

        return (await last.WaitAsync(cancellationToken)).Result;
    }

    private async Task<(HealthCheckResult Result, long At)> RunAsync()
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            return (await check(limit.Token).WaitAsync(timeout), clock.GetTimestamp());
        }
        catch (Exception exception)
            when (exception is StoreUnavailableException or TimeoutException or OperationCanceledException)
        {
            return (HealthCheckResult.Unhealthy("cannot be reached, or does not answer in time"), clock.GetTimestamp());
        }
    }
}
