using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Pipeline;

/// <summary>Measures each use case and traces it if there is a listener. Neither records a request's content.</summary>
internal sealed class Tracing<TRequest, TResponse> : IPipelineBehavior<TRequest, TResponse>
{
    private static readonly string UseCase = (typeof(TRequest).DeclaringType ?? typeof(TRequest)).Name;
    private static readonly KeyValuePair<string, object?> UseCaseTag = new("use_case", UseCase);

    public Task<TResponse> Handle(
        TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next) =>
        Telemetry.Source.HasListeners() || UseCases.Duration.Enabled ? MeasureAsync(next) : next();

    private static async Task<TResponse> MeasureAsync(RequestHandlerDelegate<TResponse> next)
    {
        var started = Stopwatch.GetTimestamp();
        using var activity = Telemetry.Source.StartActivity(UseCase);
        var outcome = "failed";
        try
        {
            var response = await next();
            outcome = "done";
            return response;
        }
        catch (Exception exception)
        {
            outcome = UseCases.OutcomeOf(exception);
            activity?.SetStatus(ActivityStatusCode.Error, outcome);
            throw;
        }
        finally
        {
            UseCases.Duration.Record(
                Stopwatch.GetElapsedTime(started).TotalSeconds, UseCaseTag,
                new KeyValuePair<string, object?>("outcome", outcome));
        }
    }
}

/// <summary>Metrics of use cases.</summary>
internal static class UseCases
{
    public static readonly Histogram<double> Duration =
        Telemetry.Meter.CreateHistogram<double>(
            "chat.use_case.duration", "s", "From a request until its answer, durable where it writes.");

    /// <summary>A short word from a small, fixed set, plus the codes of refusals.</summary>
    public static string OutcomeOf(Exception exception) => exception switch
    {
        RefusedException refused => refused.Refusal.Code,
        ValidationException => "invalid",
        Ports.StoreUnavailableException => "store_unavailable",
        OperationCanceledException => "cancelled",
        _ => "failed",
    };
}
