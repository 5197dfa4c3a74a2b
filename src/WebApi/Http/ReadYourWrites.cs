using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// The convention of positions, for every endpoint of a group: commands answer with <c>Chat-Position</c>; a GET waits for read models that are
/// as new as its <c>Chat-Min-Position</c>, or for a moment as new as what this node has written.
/// </summary>
public static class ReadYourWrites
{
    public static RouteGroupBuilder WithPositions(this RouteGroupBuilder group)
    {
        group.AddEndpointFilterFactory((context, next) =>
        {
            var positions = context.ApplicationServices.GetRequiredService<Positions>();
            return invocation => HttpMethods.IsGet(invocation.HttpContext.Request.Method) || HttpMethods.IsHead(invocation.HttpContext.Request.Method)
                ? positions.ReadAsync(invocation, next)
                : positions.WriteAsync(invocation, next);
        });
        return group;
    }

    /// <summary>A frequent command: it is answered as soon as it is durable, without waiting for the read models.</summary>
    public static TBuilder AnswersWhenDurable<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new AnswersWhenDurableMetadata());

    /// <summary>Says up to where the log holds what a command has done.</summary>
    public static void SetPosition(this HttpResponse response, LogPosition position) =>
        response.Headers[PositionToken.AnswerHeader] = PositionToken.Format(position);

    internal sealed record AnswersWhenDurableMetadata;
}

/// <summary>What <see cref="ReadYourWrites"/> does for a request.</summary>
internal sealed class Positions(IReadSide readSide, IConversationWriter conversations, IOptions<ReadsOptions> options)
{
    internal static readonly Refusal InvalidPosition =
        new(RefusalKind.Invalid, "invalid_position", $"{PositionToken.RequestHeader} is not a token that {PositionToken.AnswerHeader} gave.");
    internal static readonly Refusal ReadModelsBehind =
        new(RefusalKind.Unavailable, "read_models_behind", "The read models are not as new as the position asked for. Try again.");

    public async ValueTask<object?> ReadAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        var header = context.Request.Headers[PositionToken.RequestHeader];
        if (header.Count > 0)
        {
            var position = PositionToken.Parse(header.ToString()) ?? throw new RefusedException(InvalidPosition);
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

    /// <summary>What was written is safe whether or not the read side is there, so that is no reason to refuse.</summary>
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
            // The answer is as new as it can be now.
        }
    }
}
