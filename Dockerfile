# syntax=docker/dockerfile:1
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY src ./src
RUN dotnet publish src/WebApi -c Release -r linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/') --self-contained false -p:PublishReadyToRun=true -o /app --nologo

FROM mcr.microsoft.com/dotnet/aspnet:10.0
# For the compose file's health check.
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app ./
# Keys come from the configuration in Production; uploads lie in /data, unless they go to S3.
RUN mkdir /data && chown $APP_UID /data
VOLUME /data
USER $APP_UID
ENV ASPNETCORE_ENVIRONMENT=Production \
    ASPNETCORE_HTTP_PORTS=8080 \
    DataFolder=/data \
    DOTNET_GCgen0size=0x1400000
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["dotnet", "ChatCqrs.WebApi.dll"]
