using System.Diagnostics;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// Adds the usual headers and a problem to refusals of Kestrel's own. Kestrel answers input that is no HTTP (a NUL in
/// an address, a header without a name) with a bare status, before any middleware. It raises a diagnostic event when
/// the answer's head is set and not yet sent. Well-formed requests cost nothing.
/// </summary>
internal sealed class ServerRefusals : IObserver<KeyValuePair<string, object?>>
{
    /// <summary>Documented in "Diagnostic sources: bad request server events" of ASP.NET Core.</summary>
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public static IApplicationBuilder Use(IApplicationBuilder app)
    {
        app.ApplicationServices.GetRequiredService<DiagnosticListener>()
            .Subscribe(new ServerRefusals(), name => name == BadRequest);
        return app;
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value is not { Key: BadRequest, Value: IFeatureCollection features }
            || features.Get<IHttpResponseFeature>() is not { HasStarted: false } response)
            return;

        HttpConventions.SetSecurityHeaders(response.Headers, "");
        if (features.Get<ITlsConnectionFeature>() is not null)
            return; // A TLS stream ends before its connection does, so no body can follow.
        if (features.Get<IHttpRequestFeature>()?.Method != HttpMethods.Head)
            AddBody(features, response);
        response.Headers.Connection = "close";
        // No OnStarting callback is registered, so the head is written synchronously.
        _ = features.Get<IHttpResponseBodyFeature>()?.StartAsync();
    }

    private static void AddBody(IFeatureCollection features, IHttpResponseFeature response)
    {
        if (features.Get<IConnectionCompleteFeature>() is not { } connection
            || features.Get<IConnectionTransportFeature>()?.Transport.Output is not { } output)
            return;
        var body = Problems.OfStatus(response.StatusCode).ToBytes();
        response.Headers.ContentType = Problem.MediaType;
        response.Headers.ContentLength = body.Length;
        connection.OnCompleted(async _ => await output.WriteAsync(body), output);
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }
}
