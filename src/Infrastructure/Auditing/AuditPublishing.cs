using ChatCqrs.Application;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="IAuditPublishing"/>
internal sealed class AuditPublishing : IAuditPublishing
{
    private int _problem = -1;

    public AuditPublishing()
    {
        Telemetry.Meter.CreateObservableGauge(
            "chat.audit.halted", () => Problem == PublishingProblem.Halted ? 1 : 0, null,
            "1 while the logs are not signed until an operator decides.");
        Telemetry.Meter.CreateObservableGauge(
            "chat.audit.behind", () => Problem == PublishingProblem.Behind ? 1 : 0, null,
            "1 while more was published than the database has.");
        Telemetry.Meter.CreateObservableGauge(
            "chat.audit.mirror.away", () => Problem == PublishingProblem.MirrorAway ? 1 : 0, null,
            "1 while nothing is published because the mirror cannot be used.");
    }

    public PublishingProblem? Problem
    {
        get => Volatile.Read(ref _problem) is >= 0 and var problem ? (PublishingProblem)problem : null;
        set => Volatile.Write(ref _problem, value is { } problem ? (int)problem : -1);
    }
}
