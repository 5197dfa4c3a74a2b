using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// Clients read their own writes. A command answers with <c>Chat-Position</c>. A GET waits until the read models are at
/// its <c>Chat-Min-Position</c>; without one, it waits for a moment until they are at the last position that this node
/// has committed.
/// </summary>
public static class ReadYourWrites
{
    /// <summary>Applies the convention to every endpoint of a group.</summary>
    public static RouteGroupBuilder WithPositions(this RouteGroupBuilder group)
    {
        group.AddEndpointFilterFactory((context, next) =>
        {
            var positions = context.ApplicationServices.GetRequiredService<Positions>();
            return invocation => IsRead(invocation.HttpContext.Request.Method)
                ? positions.ReadAsync(invocation, next)
                : positions.WriteAsync(invocation, next);
        });
        return group;
    }

    /// <summary>Marks a frequent command: it answers once it is durable, without waiting for the read models.</summary>
    public static TBuilder AnswersWhenDurable<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new AnswersWhenDurableMetadata());

    /// <summary>Sets <c>Chat-Position</c>: a position at which the log holds the command's events.</summary>
    public static void SetPosition(this HttpResponse response, LogPosition position) =>
        response.Headers[PositionToken.AnswerHeader] = PositionToken.Format(position);

    private static bool IsRead(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

    internal sealed record AnswersWhenDurableMetadata;
}

/// <summary>The endpoint filters of <see cref="ReadYourWrites"/>.</summary>
internal sealed class Positions(
    IReadSide readSide, IEventStore log, IConversationWriter conversations, IOptions<ReadsOptions> options)
{
    /// <summary>
    /// How long the read models may take to show that they are beyond a position which the log's end is not at: the
    /// last event may have been truncated since.
    /// </summary>
    private static readonly TimeSpan LookMax = TimeSpan.FromMilliseconds(200);

    internal static readonly Refusal InvalidPosition = new(
        RefusalKind.Invalid, "invalid_position",
        $"{PositionToken.RequestHeader} is not a token that {PositionToken.AnswerHeader} gave.");

    internal static readonly Refusal PositionUnknown = new(
        RefusalKind.Invalid, "position_unknown",
        $"{PositionToken.RequestHeader} is beyond the log's end: the log has lost what it names, or it is of another.");

    internal static readonly Refusal ReadModelsBehind = new(
        RefusalKind.Unavailable, "read_models_behind",
        "The read models are not as new as the position asked for. Try again.");

    public async ValueTask<object?> ReadAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        var header = context.Request.Headers[PositionToken.RequestHeader];
        if (header.Count > 0)
        {
            var position = PositionToken.Parse(header.ToString()) ?? throw new RefusedException(InvalidPosition);
            if (await IsBeyondAsync(position, context.RequestAborted))
                throw new RefusedException(PositionUnknown);
            if (!await readSide.WaitForAsync(position, options.Value.PositionWait, context.RequestAborted))
                throw new RefusedException(ReadModelsBehind);
        }
        else
        {
            await WaitAsync(conversations.LastCommitted, options.Value.FreshnessWait, context.RequestAborted);
        }

        return await next(invocation);
    }

    public async ValueTask<object?> WriteAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        var result = await next(invocation);
        var headers = context.Response.Headers;
        if (!headers.ContainsKey(PositionToken.AnswerHeader))
            context.Response.SetPosition(conversations.LastCommitted);
        if (context.GetEndpoint()?.Metadata.GetMetadata<ReadYourWrites.AnswersWhenDurableMetadata>() is null
            && PositionToken.Parse(headers[PositionToken.AnswerHeader].ToString()) is { } position)
            await WaitAsync(position, options.Value.CommandWait, context.RequestAborted);
        return result;
    }

    private async ValueTask<bool> IsBeyondAsync(LogPosition position, CancellationToken cancellationToken) =>
        readSide.Position < position
        && await log.HeadAsync(cancellationToken) < position
        && !await readSide.WaitForAsync(position, LookMax, cancellationToken);

    /// <summary>Waits, but never refuses: the events are durable whether or not the read side can be reached.</summary>
    private async ValueTask WaitAsync(LogPosition position, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (readSide.Position >= position)
            return;
        try
        {
            await readSide.WaitForAsync(position, wait, cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // The endpoint answers from the read models as they are.
        }
    }
}
